//! What a package says of itself.

use host_core::package::{ClassInfo, MethodInfo, PackageInfo, Param};
use host_core::spec::Concurrency;
use wasmtime::component::{ComponentType, Lift};

use super::{WitOptions, cut};

/// `description.package-info`.
#[derive(ComponentType, Lift)]
#[component(record)]
pub(in crate::sandbox) struct WitPackageInfo {
    sdk: String,
    classes: Vec<WitClassInfo>,
    driver: Option<WitDriverInfo>,
}

/// `description.driver-info`.
#[derive(ComponentType, Lift)]
#[component(record)]
pub(in crate::sandbox) struct WitDriverInfo {
    docs: String,
}

/// `description.class-info`.
#[derive(ComponentType, Lift)]
#[component(record)]
pub(in crate::sandbox) struct WitClassInfo {
    name: String,
    docs: String,
    params: Vec<WitParam>,
    methods: Vec<WitMethodInfo>,
    options: WitOptions,
    concurrency: WitConcurrency,
}

/// `description.concurrency`.
#[derive(ComponentType, Lift, Clone, Copy)]
#[component(enum)]
#[repr(u8)]
pub(in crate::sandbox) enum WitConcurrency {
    #[component(name = "sequential")]
    Sequential,
    #[component(name = "concurrent")]
    Concurrent,
}

/// `description.method-info`.
#[derive(ComponentType, Lift)]
#[component(record)]
pub(in crate::sandbox) struct WitMethodInfo {
    name: String,
    docs: String,
    params: Vec<WitParam>,
    returns: String,
    fails: Option<String>,
}

/// `description.param`.
#[derive(ComponentType, Lift)]
#[component(record)]
pub(in crate::sandbox) struct WitParam {
    name: String,
    ty: String,
}

impl From<WitPackageInfo> for PackageInfo {
    fn from(info: WitPackageInfo) -> PackageInfo {
        PackageInfo {
            sdk: cut(info.sdk),
            classes: info.classes.into_iter().map(ClassInfo::from).collect(),
            driver: info.driver.map(|driver| cut(driver.docs)),
        }
    }
}

impl From<WitClassInfo> for ClassInfo {
    fn from(class: WitClassInfo) -> ClassInfo {
        ClassInfo {
            name: class.name,
            docs: cut(class.docs),
            params: class.params.into_iter().map(Param::from).collect(),
            methods: class.methods.into_iter().map(MethodInfo::from).collect(),
            options: class.options.into(),
            concurrency: match class.concurrency {
                WitConcurrency::Sequential => Concurrency::Sequential,
                WitConcurrency::Concurrent => Concurrency::Concurrent,
            },
        }
    }
}

impl From<WitMethodInfo> for MethodInfo {
    fn from(method: WitMethodInfo) -> MethodInfo {
        MethodInfo {
            name: method.name,
            docs: cut(method.docs),
            params: method.params.into_iter().map(Param::from).collect(),
            returns: cut(method.returns),
            fails: method.fails.map(cut),
        }
    }
}

impl From<WitParam> for Param {
    fn from(param: WitParam) -> Param {
        Param { name: cut(param.name), ty: cut(param.ty) }
    }
}
