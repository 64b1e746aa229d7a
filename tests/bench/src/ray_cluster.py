# Between two local nodes, behind the text of ray_actors.py.
from ray.cluster_utils import Cluster

cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "resources": {"near": 1000}})
cluster.add_node(num_cpus=1, resources={"far": 1000})
ray.init(address=cluster.address, logging_level="ERROR", log_to_driver=False)

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
