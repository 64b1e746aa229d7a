"""The same shapes in Ray, between two local nodes: `name nanoseconds` lines."""

import sys
import time

import ray
from ray.cluster_utils import Cluster

quick = len(sys.argv) > 1 and sys.argv[1] == "quick"
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "resources": {"near": 1000}})
cluster.add_node(num_cpus=1, resources={"far": 1000})
ray.init(address=cluster.address, logging_level="ERROR", log_to_driver=False)


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


far = Echo.options(resources={"far": 1})
echo, caller = far.remote(), Caller.options(resources={"near": 1}).remote()
data = b"7" * 64
ray.get(caller.one_by_one.remote(echo, data, 10))
for _ in range(2 if quick else 5):
    calls = 200 if quick else 1000
    print("ray_cluster_call_sync", ray.get(caller.one_by_one.remote(echo, data, calls)))
    print("ray_cluster_call_pipelined", ray.get(caller.batch.remote(echo, data, 1024)))
    begun = time.perf_counter_ns()
    actor = far.remote()
    ray.get(actor.echo.remote(data))
    print("ray_cluster_spawn_call", time.perf_counter_ns() - begun)
    del actor
