//! Reading a component file just far enough to say what it is, before any
//! compiler sees it.

use wasmparser::{ComponentExternalKind, Encoding, Parser, Payload};

use super::package::LoadError;

/// What a component imports and exports, by name.
pub(super) struct Shape {
    pub(super) imports: Vec<String>,
    pub(super) exports: Vec<String>,
}

/// Reads the outermost component's imports and exports.
pub(super) fn read_shape(bytes: &[u8]) -> Result<Shape, LoadError> {
    if !bytes.starts_with(b"\0asm") {
        return Err(LoadError::NotWasm);
    }
    let damaged = |error: wasmparser::BinaryReaderError| LoadError::Damaged(error.to_string());
    let mut shape = Shape { imports: Vec::new(), exports: Vec::new() };
    let mut depth = 0;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(damaged)? {
            Payload::Version { encoding: Encoding::Module, .. } if depth == 0 => {
                return Err(LoadError::CoreModule);
            }
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::ComponentImportSection(section) if depth == 1 => {
                for import in section {
                    shape.imports.push(import.map_err(damaged)?.name.name.to_string());
                }
            }
            Payload::ComponentExportSection(section) if depth == 1 => {
                for export in section {
                    let export = export.map_err(damaged)?;
                    if export.kind == ComponentExternalKind::Instance {
                        shape.exports.push(export.name.name.to_string());
                    }
                }
            }
            _ => {}
        }
    }
    if depth != 0 {
        return Err(LoadError::Damaged("unexpected end of file".into()));
    }
    Ok(shape)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_component_is_named() {
        assert!(matches!(read_shape(b"#!/bin/sh"), Err(LoadError::NotWasm)));
        assert!(matches!(read_shape(b"\0asm\x01\0\0\0"), Err(LoadError::CoreModule)));
        assert!(matches!(read_shape(b"\0asm"), Err(LoadError::Damaged(_))));
        assert!(matches!(read_shape(b"\0asm\x0d\0\x01\0\x07"), Err(LoadError::Damaged(_))));
    }

    #[test]
    fn an_empty_component_imports_and_exports_nothing() {
        let shape = read_shape(b"\0asm\x0d\0\x01\0").unwrap();
        assert!(shape.imports.is_empty() && shape.exports.is_empty());
    }
}
