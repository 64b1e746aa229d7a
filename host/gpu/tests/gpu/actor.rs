//! The example's actor, in the least of a host: no other actors, no objects,
//! only its GPU. What it imports beside that traps, but for its log.

use host_gpu::{GpuCtx, Grant};
use serde::Serialize;
use serde::de::DeserializeOwned;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker, ResourceTable, ResourceType, Val};
use wasmtime::{Store, bail};
use wasmtime_wasi::WasiCtxBuilder;

use crate::world::{Data, World};

/// The interfaces of the contract that a package imports.
const CONTRACT: &str = "greenroom:actor/";
const GUEST: &str = "greenroom:actor/guest-async@0.1.0";

/// One actor.
pub(crate) struct Actor {
    store: Store<Data>,
    instance: wasmtime::component::Instance,
}

/// The example, compiled.
pub(crate) fn example(world: &World) -> Component {
    test_builds::build(&["--package", "gpu", "--lib"]);
    let path = test_builds::built_folder().join("gpu.wasm");
    Component::from_file(&world.engine, path).unwrap()
}

impl Actor {
    /// An instance of the example that nothing was constructed in.
    pub(crate) async fn start(world: &World, component: &Component, grant: Option<Grant>) -> Actor {
        let mut linker = world.linker.clone();
        stand_in(&mut linker, world, component);
        let wasi = WasiCtxBuilder::new().inherit_stdio().build();
        let data = Data { gpu: GpuCtx::new(grant), wasi, table: ResourceTable::new() };
        let mut store = Store::new(&world.engine, data);
        let instance = linker.instantiate_async(&mut store, component).await.unwrap();
        Actor { store, instance }
    }

    /// Constructs it; the message of the error if that fails.
    pub(crate) async fn construct(&mut self, class: &str) -> Result<(), String> {
        let none = Val::Variant("plain".to_owned(), Some(Box::new(Val::List(Vec::new()))));
        let answer = self.call("construct", &[Val::String(class.to_owned()), none]).await;
        answer.map(|_| ())
    }

    /// Calls the method with this place in the class.
    pub(crate) async fn invoke<R: DeserializeOwned>(
        &mut self,
        method: u32,
        args: &[&dyn erased::Value],
    ) -> Result<R, String> {
        let bytes: Vec<u8> = args.iter().flat_map(|arg| arg.bytes()).collect();
        let bytes = Val::List(bytes.into_iter().map(Val::U8).collect());
        let args = Val::Variant("plain".to_owned(), Some(Box::new(bytes)));
        let answer = self.call("invoke", &[Val::U64(1), Val::U32(method), args]).await?;
        let Some(Val::Variant(_, Some(value))) = answer else { panic!("{answer:?}") };
        let Val::List(bytes) = *value else { panic!("{value:?}") };
        let byte = |byte| if let Val::U8(byte) = byte { byte } else { panic!("{byte:?}") };
        let bytes: Vec<u8> = bytes.into_iter().map(byte).collect();
        Ok(rmp_serde::from_slice(&bytes).unwrap())
    }

    async fn call(&mut self, name: &str, params: &[Val]) -> Result<Option<Val>, String> {
        let interface = self.instance.get_export_index(&mut self.store, None, GUEST).unwrap();
        let name = self.instance.get_export_index(&mut self.store, Some(&interface), name);
        let function = self.instance.get_func(&mut self.store, name.unwrap()).unwrap();
        let mut answer = [Val::Bool(false)];
        function.call_async(&mut self.store, params, &mut answer).await.unwrap();
        match answer {
            [Val::Result(Ok(value))] => Ok(value.map(|value| *value)),
            [Val::Result(Err(Some(error)))] => Err(format!("{error:?}")),
            other => panic!("{other:?}"),
        }
    }
}

/// Any value as an argument.
pub(crate) mod erased {
    use super::Serialize;

    pub(crate) trait Value {
        fn bytes(&self) -> Vec<u8>;
    }

    impl<T: Serialize> Value for T {
        fn bytes(&self) -> Vec<u8> {
            rmp_serde::to_vec_named(self).unwrap()
        }
    }
}

/// Something for each function of the contract that the component imports.
fn stand_in(linker: &mut Linker<Data>, world: &World, component: &Component) {
    for (interface, item) in component.component_type().imports(&world.engine) {
        let ComponentItem::ComponentInstance(exports) = item.ty else { continue };
        if !interface.starts_with(CONTRACT) {
            continue;
        }
        let mut instance = linker.instance(interface).unwrap();
        for (name, item) in exports.exports(&world.engine) {
            let called = name.to_owned();
            match item.ty {
                ComponentItem::ComponentFunc(function) if function.async_() => {
                    let asked = move || Box::pin(async move { bail!("{called} was called") });
                    instance.func_new_concurrent(name, move |_, _, _, _| asked.clone()()).unwrap();
                }
                ComponentItem::ComponentFunc(_) => instance
                    .func_new(name, move |_, _, _, answer| match called.as_str() {
                        "max-level" => {
                            answer[0] = Val::Enum("error".to_owned());
                            Ok(())
                        }
                        _ => bail!("{called} was called"),
                    })
                    .unwrap(),
                ComponentItem::Resource(_) => {
                    let kind = ResourceType::host::<()>();
                    instance.resource(name, kind, |_, _| Ok(())).unwrap();
                }
                _ => {}
            }
        }
    }
}
