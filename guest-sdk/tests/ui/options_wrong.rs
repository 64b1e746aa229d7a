use greenroom::prelude::*;

macro_rules! class {
    ($name:ident, $($options:tt)*) => {
        struct $name;

        #[actor($($options)*)]
        impl $name {
            fn new() -> Self {
                $name
            }
        }
    };
}

class!(A, cpus = "two");
class!(B, gpus = -1);
class!(C, memory = "lots");
class!(D, max_restarts = -2);
class!(E, max_retries = 1.5);
class!(F, max_pending_calls = 0);
class!(G, name = 7);
class!(H, detached = "yes");
class!(I, resources = 3);
class!(J, resources(tpu));
class!(K, max_concurrency = 8);
class!(L, namespace = "");
class!(M, strategy = "scatter");
class!(N, strategy = "on-node");

fn main() {}
