# The same shapes in Ray, behind the text of ray_actors.py.
ray.init(num_cpus=2, logging_level="ERROR", log_to_driver=False)

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
