"""The same shapes in Ray: prints `name nanoseconds` lines."""

import sys
import time

import ray

quick = len(sys.argv) > 1 and sys.argv[1] == "quick"
ray.init(num_cpus=2, logging_level="ERROR", log_to_driver=False)


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


echo, caller = Echo.remote(), Caller.remote()
ray.get(caller.one_by_one.remote(echo, b"7" * 16, 10))
for _ in range(2 if quick else 5):
    calls = 200 if quick else 1000
    print("ray_call_sync_1_1", ray.get(caller.one_by_one.remote(echo, b"7" * 16, calls)))
    print("ray_call_pipelined_1000", ray.get(caller.batch.remote(echo, b"7" * 16, 1000)))
    print("ray_call_1mib", ray.get(caller.one_by_one.remote(echo, b"7" * (1 << 20), 50)))
    begun = time.perf_counter_ns()
    actor = Echo.remote()
    ray.get(actor.echo.remote(b"7" * 16))
    print("ray_spawn_call", time.perf_counter_ns() - begun)
    del actor
