"""What Ray is measured with, on one node and on two: the scripts beside this
one follow it in one text. They print `name nanoseconds` lines."""

import sys
import time

import ray

quick = len(sys.argv) > 1 and sys.argv[1] == "quick"


@ray.remote(num_cpus=0)
class Echo:
    def echo(self, data):
        return data


@ray.remote(num_cpus=0)
class Caller:
    def one_by_one(self, target, data, calls):
        begun = time.perf_counter_ns()
        for _ in range(calls):
            ray.get(target.echo.remote(data))
        return (time.perf_counter_ns() - begun) / calls

    def batch(self, target, data, calls):
        begun = time.perf_counter_ns()
        ray.get([target.echo.remote(data) for _ in range(calls)])
        return (time.perf_counter_ns() - begun) / calls


