//! Stores, and the guest in them.

use host_gpu::{Adapter, Devices, GpuCtx, Grant, Wanted};
use tokio::runtime::Runtime;
use wasmtime::component::{Component, ComponentNamedList, Lift, Linker, Lower, ResourceTable};
use wasmtime::{Config, Engine, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

/// What each case is granted, unless it says otherwise.
pub(crate) const MEMORY: u64 = 64 << 20;

/// The store's data.
pub(crate) struct Data {
    pub(crate) gpu: GpuCtx,
    pub(crate) wasi: WasiCtx,
    pub(crate) table: ResourceTable,
}

impl WasiView for Data {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

/// Everything that cases share.
pub(crate) struct World {
    pub(crate) runtime: Runtime,
    pub(crate) devices: Devices,
    pub(crate) engine: Engine,
    pub(crate) linker: Linker<Data>,
    guest: Component,
}

impl World {
    pub(crate) fn start() -> World {
        test_builds::build(&["--package", "guests-gpu", "--lib"]);
        let mut config = Config::new();
        config.concurrency_support(true).wasm_component_model_async(true);
        let engine = Engine::new(&config).unwrap();
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).unwrap();
        host_gpu::add_to_linker(&mut linker, |data: &mut Data| &mut data.gpu).unwrap();
        let path = test_builds::built_folder().join("guests_gpu.wasm");
        let guest = Component::from_file(&engine, path).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let devices = runtime.block_on(Devices::find(Wanted::GpusAndSoftware));
        assert!(!devices.all().is_empty(), "the Vulkan driver for tests has no device");
        World { runtime, devices, engine, linker, guest }
    }

    pub(crate) fn adapter(&self) -> Adapter {
        self.devices.all()[0].clone()
    }

    pub(crate) fn grant(&self) -> Grant {
        Grant::new(self.adapter(), MEMORY)
    }

    /// Calls a function of the guest in a new store, which is gone at the end.
    pub(crate) async fn call<P, R>(
        &self,
        grant: Option<Grant>,
        function: &str,
        params: P,
    ) -> wasmtime::Result<R>
    where
        P: ComponentNamedList + Lower + Send + Sync + 'static,
        R: ComponentNamedList + Lift + Send + Sync + 'static,
    {
        let wasi = WasiCtxBuilder::new().inherit_stdio().build();
        let data = Data { gpu: GpuCtx::new(grant), wasi, table: ResourceTable::new() };
        let mut store = Store::new(&self.engine, data);
        let instance = self.linker.instantiate_async(&mut store, &self.guest).await?;
        let function = instance.get_typed_func::<P, R>(&mut store, function)?;
        function.call_async(&mut store, params).await
    }

    /// Runs one case.
    pub(crate) async fn case(
        &self,
        grant: Option<Grant>,
        name: &str,
        seed: u64,
    ) -> wasmtime::Result<()> {
        self.call::<_, ()>(grant, "run", (name.to_owned(), seed)).await
    }

    /// The names of the guest's cases.
    pub(crate) fn guest_cases(&self) -> Vec<String> {
        let names = self.call::<_, (Vec<String>,)>(None, "cases", ());
        self.runtime.block_on(names).unwrap().0
    }
}
