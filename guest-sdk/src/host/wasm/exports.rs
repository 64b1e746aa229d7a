//! What the component exports. They live here, in a library, and reach the
//! component because the linker exports every symbol with an export name of
//! the crates it links: a user's crate needs no glue of its own.
#![allow(unsafe_code, reason = "the exported symbols have fixed names")]

use super::bindings;
use super::bindings::greenroom::actor::{actors, description, types};
use crate::class::{Class, Method, Param};
use crate::entry;
use crate::options::{ActorOptions, Strategy};

/// This SDK, as packages name it.
const SDK: &str = concat!("greenroom-rust ", env!("CARGO_PKG_VERSION"));

struct Package;

#[cfg(not(feature = "async"))]
impl bindings::exports::greenroom::actor::guest::Guest for Package {
    fn describe() -> description::PackageInfo {
        describe()
    }

    fn construct(class: String, args: types::Arguments) -> Result<(), types::Error> {
        Ok(entry::construct(entry::class(&class)?, args)?)
    }

    fn invoke(method: u32, args: types::Arguments) -> Result<types::Value, types::Error> {
        Ok(entry::invoke(method, args)?)
    }

    fn run(args: Vec<String>) -> Result<(), types::Error> {
        Ok(entry::run(args)?)
    }
}

#[cfg(feature = "async")]
impl bindings::exports::greenroom::actor::guest_async::Guest for Package {
    fn describe() -> description::PackageInfo {
        describe()
    }

    async fn construct(class: String, args: types::Arguments) -> Result<(), types::Error> {
        Ok(entry::construct_async(entry::class(&class)?, args).await?)
    }

    async fn invoke(
        call: u64,
        method: u32,
        args: types::Arguments,
    ) -> Result<types::Value, types::Error> {
        Ok(entry::invoke_async(call, method, args).await?)
    }

    async fn run(args: Vec<String>) -> Result<(), types::Error> {
        Ok(entry::run_async(args).await?)
    }
}

bindings::export!(Package with_types_in bindings);

fn describe() -> description::PackageInfo {
    let package = entry::describe();
    description::PackageInfo {
        sdk: SDK.to_owned(),
        classes: package.classes.into_iter().map(class_info).collect(),
        driver: package
            .driver
            .map(|driver| description::DriverInfo { docs: driver.docs.to_owned() }),
    }
}

fn class_info(class: &Class) -> description::ClassInfo {
    description::ClassInfo {
        name: class.name.to_owned(),
        docs: class.docs.to_owned(),
        params: params(class.params),
        methods: class.methods.iter().map(method_info).collect(),
        options: options((class.options)()),
        concurrency: if class.is_concurrent() {
            description::Concurrency::Concurrent
        } else {
            description::Concurrency::Sequential
        },
    }
}

fn method_info(method: &Method) -> description::MethodInfo {
    description::MethodInfo {
        name: method.name.to_owned(),
        docs: method.docs.to_owned(),
        params: params(method.params),
        returns: method.returns.to_owned(),
        fails: method.fails.map(str::to_owned),
    }
}

fn params(params: &[Param]) -> Vec<description::Param> {
    let info =
        |param: &Param| description::Param { name: param.name.to_owned(), ty: param.ty.to_owned() };
    params.iter().map(info).collect()
}

fn options(options: ActorOptions) -> actors::OptionsResult {
    actors::OptionsResult {
        cpus: options.cpus,
        gpus: options.gpus,
        memory: options.memory,
        resources: options.resources,
        strategy: options.strategy.map(|strategy| match strategy {
            Strategy::Pack => actors::StrategyResult::Pack,
            Strategy::Spread => actors::StrategyResult::Spread,
            Strategy::OnNode(node) => actors::StrategyResult::OnNode(node),
            Strategy::NearNode(node) => actors::StrategyResult::NearNode(node),
        }),
        labels: options.labels,
        max_restarts: options.max_restarts,
        max_retries: options.max_retries,
        max_concurrency: options.max_concurrency,
        max_pending_calls: options.max_pending_calls,
        name: options.name,
        namespace: options.namespace,
        detached: options.detached,
        isolation: options.isolation.map(super::isolation),
        group: options.group.map(|(group, bundle)| actors::InGroupResult { group, bundle }),
    }
}
