//! Builds the canary: the component that a host calls to see that it can work.

use std::error::Error;
use std::path::{Path, PathBuf};

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

const SOURCE: &str = "src/node/canary.wat";
const CONTRACT: &str = "../wit";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={SOURCE}");
    println!("cargo::rerun-if-changed={CONTRACT}");
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(CONTRACT)?;
    let world = resolve.select_world(&[package], Some("actor"))?;
    let mut module = wat::parse_file(Path::new(SOURCE))?;
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)?;
    let component = ComponentEncoder::default().module(&module)?.validate(true).encode()?;
    let folder = std::env::var_os("OUT_DIR").ok_or("cargo gives OUT_DIR")?;
    std::fs::write(PathBuf::from(folder).join("canary.wasm"), component)?;
    Ok(())
}
