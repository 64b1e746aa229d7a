//! A package: a component file, checked, compiled once, and ready to make
//! instances of.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use host_core::package::PackageInfo;
use host_core::{Error, PackageId, limits};
use host_wasi::Data;
use sha2::{Digest, Sha256};
use wasmtime::component::{Component, ComponentExportIndex, InstancePre};

use super::cache::Cache;
use super::code;
use super::describe::describe;
use super::engine::{EngineWorld, Engines};
use super::imports;
use super::room::Room;

/// Which of the contract's worlds a package is made for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum World {
    /// `actor`: one call at a time.
    Sequential,
    /// `async-actor`.
    Concurrent,
}

/// A package that is ready to run.
pub struct Package {
    /// What it says of itself, checked.
    pub info: PackageInfo,
    /// What is run.
    pub code: Arc<Code>,
    /// Its file, for nodes that do not have it.
    pub bytes: Bytes,
    /// Whether its compiled code was found on disk.
    pub was_cached: bool,
    /// `Class.method` of every method of every class, by place: made once,
    /// since errors and spans name it for every call.
    labels: Vec<Vec<String>>,
}

/// A package's compiled form.
pub struct Code {
    /// The SHA-256 of the package's file.
    pub id: PackageId,
    /// The world it is made for.
    pub world: World,
    /// What it imports beside the contract, by interface.
    pub imports: Vec<String>,
    pub(super) pre: InstancePre<Data>,
    pub(super) exports: Exports,
    /// Where its instances may be.
    pub room: Arc<Room>,
}

/// Where the guest's functions are in the component.
#[derive(Clone, Copy)]
pub(super) struct Exports {
    pub(super) describe: ComponentExportIndex,
    pub(super) construct: ComponentExportIndex,
    pub(super) invoke: ComponentExportIndex,
    pub(super) run: ComponentExportIndex,
}

/// Why a file is not a package that can run here. Each message says what to
/// do.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file is too large.
    #[error("the file has {0} bytes; a package has at most {max}", max = limits::PACKAGE_BYTES)]
    TooLarge(u64),
    /// Not WebAssembly at all.
    #[error(
        "this is not a WebAssembly file; build the actor with `host build` and run what that prints"
    )]
    NotWasm,
    /// A core module.
    #[error(
        "this is a core WebAssembly module, not a component; build it for wasm32-wasip2 \
         (`host build` does)"
    )]
    CoreModule,
    /// Torn or invalid.
    #[error("the component is damaged or incomplete ({0}); build it again with `host build`")]
    Damaged(String),
    /// Some other component.
    #[error(
        "the component does not export greenroom:actor/guest, so it is not an actor package \
         (it exports {0}); add #[actor] and the greenroom crate"
    )]
    OtherWorld(String),
    /// Another version of the contract.
    #[error(
        "the package is made for contract {found}, and this host speaks {ours}; build it again \
         with a matching greenroom crate"
    )]
    OtherVersion {
        /// The package's.
        found: String,
        /// The host's.
        ours: &'static str,
    },
    /// An import that is not there, or not granted.
    #[error("the package imports {0}, which this host does not offer{1}")]
    Import(String, &'static str),
    /// It cannot be compiled, linked or asked.
    #[error("the package cannot be used: {0}")]
    Unusable(String),
    /// Its description makes no sense.
    #[error("the package describes itself wrongly: {0}")]
    Description(Error),
}

impl Package {
    /// The id of the package with these bytes.
    pub fn id_of(bytes: &[u8]) -> PackageId {
        PackageId(Sha256::digest(bytes).into())
    }

    /// Checks and compiles a package file, or takes the compiled code from
    /// the cache, and asks it for its classes. `id` is [`Package::id_of`] the
    /// bytes.
    pub async fn load(
        engines: &Engines,
        cache: Option<&Path>,
        id: PackageId,
        bytes: Arc<[u8]>,
    ) -> Result<Package, LoadError> {
        if bytes.len() as u64 > limits::PACKAGE_BYTES {
            return Err(LoadError::TooLarge(bytes.len() as u64));
        }
        let file = Bytes::from_owner(bytes);
        let (code, was_cached) = Code::load(engines, cache, id, file.clone()).await?;
        let info = describe(code.clone()).await.map_err(LoadError::Description)?;
        info.check().map_err(LoadError::Description)?;
        Ok(Package { was_cached, ..Package::new(info, code, file) })
    }

    pub(super) fn new(info: PackageInfo, code: Arc<Code>, bytes: Bytes) -> Package {
        let labels = info.classes.iter().map(|class| {
            class.methods.iter().map(|method| format!("{}.{}", class.name, method.name)).collect()
        });
        Package { labels: labels.collect(), info, code, bytes, was_cached: false }
    }

    /// `Class.method` of the method at a place of the class at a place.
    pub fn method_label(&self, class: usize, method: u32) -> &str {
        let labels = self.labels.get(class);
        labels.and_then(|labels| labels.get(method as usize)).map_or("?", String::as_str)
    }
}

impl Code {
    /// Compiles a package's file, or finds it compiled: then the second is
    /// true.
    pub(super) async fn load(
        engines: &Engines,
        cache: Option<&Path>,
        id: PackageId,
        bytes: Bytes,
    ) -> Result<(Arc<Code>, bool), LoadError> {
        let shape = code::read_shape(&bytes)?;
        let world = world_of(&shape)?;
        check_imports(&shape, world)?;
        let engine_world = engines.world(world).map_err(unusable)?;
        let cache = cache.map(|folder| Cache::new(folder, &engine_world.engine));
        let engine = engine_world.engine.clone();
        let compiled =
            tokio::task::spawn_blocking(move || compile(&engine, cache.as_ref(), id, &bytes));
        let (component, was_cached) = compiled
            .await
            .map_err(|error| LoadError::Unusable(format!("the compiler panicked: {error}")))??;
        let imports = shape.imports.into_iter().filter(|name| !is_ours(name)).collect();
        let code = Code::link(engine_world, id, world, imports, &component)?;
        Ok((code, was_cached))
    }

    /// The code of a package that was compiled before, if it is in the cache:
    /// its file is not needed then.
    pub(super) fn cached(
        engines: &Engines,
        cache: Option<&Path>,
        id: PackageId,
    ) -> Result<Option<Arc<Code>>, LoadError> {
        let Some(folder) = cache else { return Ok(None) };
        for world in [World::Concurrent, World::Sequential] {
            let engine_world = engines.world(world).map_err(unusable)?;
            let cache = Cache::new(folder, &engine_world.engine);
            if let Some(component) = cache.load(&engine_world.engine, id) {
                return Code::link(engine_world, id, world, Vec::new(), &component).map(Some);
            }
        }
        Ok(None)
    }

    fn link(
        engine_world: &EngineWorld,
        id: PackageId,
        world: World,
        imports: Vec<String>,
        component: &Component,
    ) -> Result<Arc<Code>, LoadError> {
        let exports = exports_of(component, world)?;
        let pre = engine_world.linker.instantiate_pre(component).map_err(unusable)?;
        Ok(Arc::new(Code { id, world, imports, pre, exports, room: engine_world.room.clone() }))
    }

    /// Whether its guests may ask for a GPU.
    pub fn uses_gpu(&self) -> bool {
        self.imports.iter().any(|import| is_webgpu(import))
    }
}

/// Whether a package's file imports what guests reach GPUs by; not if it is no
/// package.
pub fn uses_gpu(bytes: &[u8]) -> bool {
    let shape = code::read_shape(bytes);
    shape.is_ok_and(|shape| shape.imports.iter().any(|import| is_webgpu(import)))
}

fn unusable(error: wasmtime::Error) -> LoadError {
    LoadError::Unusable(format!("{error:#}"))
}

fn compile(
    engine: &wasmtime::Engine,
    cache: Option<&Cache>,
    id: PackageId,
    bytes: &[u8],
) -> Result<(Component, bool), LoadError> {
    if let Some(component) = cache.and_then(|cache| cache.load(engine, id)) {
        return Ok((component, true));
    }
    let component =
        Component::new(engine, bytes).map_err(|error| LoadError::Damaged(format!("{error:#}")))?;
    if let Some(cache) = cache {
        cache.store(id, &component);
    }
    Ok((component, false))
}

fn world_of(shape: &code::Shape) -> Result<World, LoadError> {
    for (interface, world) in [("guest", World::Sequential), ("guest-async", World::Concurrent)] {
        if shape.exports.contains(&imports::name(interface)) {
            return Ok(world);
        }
        let prefix = format!("greenroom:actor/{interface}@");
        let other = shape.exports.iter().find_map(|name| name.strip_prefix(&prefix));
        if let Some(found) = other {
            return Err(LoadError::OtherVersion { found: found.into(), ours: imports::VERSION });
        }
    }
    let exports = shape.exports.join(", ");
    Err(LoadError::OtherWorld(if exports.is_empty() { "nothing".into() } else { exports }))
}

/// Whether it is what guests reach GPUs by.
fn is_webgpu(import: &str) -> bool {
    import.starts_with("wasi:webgpu/")
}

fn is_ours(import: &str) -> bool {
    import.starts_with("greenroom:actor/")
}

/// Refuses what no grant can give. What WASI offers without a grant is
/// little: files, network and environment are denied when they are used.
fn check_imports(shape: &code::Shape, world: World) -> Result<(), LoadError> {
    const WASI: [&str; 6] = [
        "wasi:cli/",
        "wasi:clocks/",
        "wasi:filesystem/",
        "wasi:io/",
        "wasi:random/",
        "wasi:sockets/",
    ];
    for import in &shape.imports {
        if is_ours(import) {
            let version = import.rsplit_once('@').map_or("", |(_, version)| version);
            if version != imports::VERSION {
                let found = version.into();
                return Err(LoadError::OtherVersion { found, ours: imports::VERSION });
            }
        } else if is_webgpu(import) {
            if world == World::Sequential {
                let why = " to packages without guest-async: the GPU's functions wait for it";
                return Err(LoadError::Import(import.clone(), why));
            }
        } else if !WASI.iter().any(|prefix| import.starts_with(prefix)) {
            return Err(LoadError::Import(import.clone(), ""));
        }
    }
    Ok(())
}

fn exports_of(component: &Component, world: World) -> Result<Exports, LoadError> {
    let interface = imports::name(match world {
        World::Sequential => "guest",
        World::Concurrent => "guest-async",
    });
    let missing = |name: &str| LoadError::Unusable(format!("{interface} does not export {name}"));
    let guest =
        component.get_export_index(None, interface.as_str()).ok_or_else(|| missing("itself"))?;
    let find =
        |name: &str| component.get_export_index(Some(&guest), name).ok_or_else(|| missing(name));
    Ok(Exports {
        describe: find("describe")?,
        construct: find("construct")?,
        invoke: find("invoke")?,
        run: find("run")?,
    })
}
