//! Reads an impl block as a class of actors, and says clearly what in it
//! cannot be one.

use quote::ToTokens;
use syn::visit_mut::VisitMut;
use syn::{
    Attribute, Expr, FnArg, Ident, ImplItem, ImplItemFn, ItemImpl, Lit, Meta, Pat, Path,
    PathArguments, Result, ReturnType, Type,
};

use crate::check::{self, Errors, NameSelf};
use crate::options::Options;

/// A class of actors.
pub(crate) struct Class {
    /// The type, as the block names it.
    pub(crate) path: Path,
    pub(crate) name: Ident,
    pub(crate) docs: String,
    pub(crate) constructor: Constructor,
    pub(crate) methods: Vec<Method>,
    /// Whether calls may interleave.
    pub(crate) is_async: bool,
}

/// `new`.
pub(crate) struct Constructor {
    pub(crate) params: Vec<Param>,
    pub(crate) is_async: bool,
    pub(crate) fallible: Option<Type>,
}

/// A method that others can call.
pub(crate) struct Method {
    pub(crate) ident: Ident,
    pub(crate) docs: String,
    pub(crate) params: Vec<Param>,
    pub(crate) is_async: bool,
    /// The return type as written, `()` if none is.
    pub(crate) returns: Type,
    /// Whether the return type is a `Result`.
    pub(crate) is_fallible: bool,
    /// The attributes that the stub repeats, such as `#[deprecated]`.
    pub(crate) docs_attributes: Vec<Attribute>,
}

/// A parameter.
pub(crate) struct Param {
    pub(crate) ident: Ident,
    pub(crate) ty: Type,
    /// The type as its author wrote it.
    pub(crate) written: String,
}

impl Class {
    pub(crate) fn read(block: &ItemImpl, options: &Options) -> Result<Self> {
        let mut errors = Errors::default();
        let path = read_type(block, &mut errors)?;
        let Some(name) = path.segments.last().map(|segment| segment.ident.clone()) else {
            return Err(syn::Error::new_spanned(&block.self_ty, "an actor is a named type"));
        };
        let functions: Vec<&ImplItemFn> = block
            .items
            .iter()
            .filter_map(|item| match item {
                ImplItem::Fn(function) => Some(function),
                _ => None,
            })
            .collect();
        let is_async = functions.iter().any(|function| {
            function.sig.asyncness.is_some()
                && (function.sig.receiver().is_some() || function.sig.ident == "new")
        });
        let mut constructor = None;
        let mut methods = Vec::new();
        for function in functions {
            if function.sig.receiver().is_some() {
                methods.push(read_method(function, &path, is_async, &mut errors));
            } else if function.sig.ident == "new" {
                constructor = Some(read_constructor(function, &path, &mut errors));
            } else if function.sig.ident == "remote" {
                errors.add(
                    &function.sig.ident,
                    "`remote` is how the actor is created; give the function another name",
                );
            }
        }
        check::concurrency(is_async, options, block, &mut errors);
        if constructor.is_none() {
            errors.add(
                &block.self_ty,
                format!("`{name}` has no constructor: add `fn new() -> Self`, with what parameters it needs"),
            );
        }
        errors.finish()?;
        // Absent only where an error was found.
        let constructor = constructor.unwrap_or(Constructor {
            params: Vec::new(),
            is_async: false,
            fallible: None,
        });
        Ok(Class { path, name, docs: docs(&block.attrs), constructor, methods, is_async })
    }
}

fn read_type(block: &ItemImpl, errors: &mut Errors) -> Result<Path> {
    if let Some((_, of, _)) = &block.trait_ {
        let message = "`#[actor]` goes before the type's own `impl` block, not a trait's";
        return Err(syn::Error::new_spanned(of, message));
    }
    if !block.generics.params.is_empty() {
        errors.add(
            &block.generics,
            "an actor class cannot be generic: callers name it, and it is built once; use one \
             class for each type, or an enum",
        );
    }
    let Type::Path(ty) = &*block.self_ty else {
        return Err(syn::Error::new_spanned(&block.self_ty, "an actor is a struct or an enum"));
    };
    let has_arguments =
        ty.path.segments.iter().any(|segment| !matches!(segment.arguments, PathArguments::None));
    if has_arguments && block.generics.params.is_empty() {
        errors.add(
            &block.self_ty,
            "an actor class cannot be generic: wrap the type in a struct of its own",
        );
    }
    Ok(ty.path.clone())
}

fn read_constructor(function: &ImplItemFn, path: &Path, errors: &mut Errors) -> Constructor {
    check::signature(function, errors);
    let fallible = match &function.sig.output {
        ReturnType::Type(_, ty) if is_result(ty) => Some(named(ty, path)),
        ReturnType::Type(_, ty) if is_self(ty, path) => None,
        ReturnType::Type(_, ty) => {
            errors.add(ty, "`new` answers `Self` or a `Result<Self, …>`");
            None
        }
        ReturnType::Default => {
            errors.add(&function.sig, "`new` answers `Self` or a `Result<Self, …>`");
            None
        }
    };
    Constructor {
        params: params(function, path, errors),
        is_async: function.sig.asyncness.is_some(),
        fallible,
    }
}

fn is_self(ty: &Type, path: &Path) -> bool {
    match ty {
        Type::Path(ty) => {
            ty.path.is_ident("Self")
                || ty.path.segments.last().map(|segment| &segment.ident)
                    == path.segments.last().map(|segment| &segment.ident)
        }
        _ => false,
    }
}

fn read_method(
    function: &ImplItemFn,
    path: &Path,
    class_is_async: bool,
    errors: &mut Errors,
) -> Method {
    check::signature(function, errors);
    check::receiver(function, class_is_async, errors);
    let name = &function.sig.ident;
    if check::is_taken(name) {
        errors.add(
            name,
            format!("every handle has a `{name}` of its own; give the method another name"),
        );
    }
    let returns: Type = match &function.sig.output {
        ReturnType::Default => syn::parse_quote!(()),
        ReturnType::Type(_, ty) => {
            check::sendable(ty, "the result", errors);
            named(ty, path)
        }
    };
    Method {
        ident: name.clone(),
        docs: docs(&function.attrs),
        params: params(function, path, errors),
        is_async: function.sig.asyncness.is_some(),
        is_fallible: is_result(&returns),
        returns,
        docs_attributes: function
            .attrs
            .iter()
            .filter(|attribute| {
                attribute.path().is_ident("doc") || attribute.path().is_ident("deprecated")
            })
            .cloned()
            .collect(),
    }
}

fn params(function: &ImplItemFn, path: &Path, errors: &mut Errors) -> Vec<Param> {
    let typed = function.sig.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(typed) => Some(typed),
        FnArg::Receiver(_) => None,
    });
    let mut params = Vec::new();
    for (index, typed) in typed.enumerate() {
        check::sendable(&typed.ty, "an argument", errors);
        let ident = match &*typed.pat {
            // Without its `mut`, which is the body's business.
            Pat::Ident(pattern) => {
                let name = pattern.ident.to_string();
                match name.trim_start_matches('_') {
                    "" => quote::format_ident!("arg{index}"),
                    _ => pattern.ident.clone(),
                }
            }
            _ => quote::format_ident!("arg{index}"),
        };
        params.push(Param { ident, ty: named(&typed.ty, path), written: text(&typed.ty) });
    }
    params
}

/// The type with the class's name for `Self`.
fn named(ty: &Type, path: &Path) -> Type {
    let mut ty = ty.clone();
    NameSelf(path).visit_type_mut(&mut ty);
    ty
}

/// Whether the type is written as some `Result`.
fn is_result(ty: &Type) -> bool {
    match ty {
        Type::Path(ty) => ty.path.segments.last().is_some_and(|segment| segment.ident == "Result"),
        _ => false,
    }
}

/// The parts of a `Result` as written: its value's type and its error's.
pub(crate) fn result_parts(ty: &Type) -> (String, String) {
    let Type::Path(ty) = ty else { return (text(ty), "Error".to_owned()) };
    let mut error_path = ty.path.clone();
    let mut arguments = Vec::new();
    if let Some(last) = error_path.segments.last_mut() {
        if let PathArguments::AngleBracketed(bracketed) = &last.arguments {
            arguments = bracketed.args.iter().map(text).collect();
        }
        // `io::Result<T>` fails with `io::Error`, as nearly every alias does.
        last.ident = quote::format_ident!("Error");
        last.arguments = PathArguments::None;
    }
    let mut arguments = arguments.into_iter();
    let value = arguments.next().unwrap_or_else(|| "()".to_owned());
    (value, arguments.next().unwrap_or_else(|| text(&error_path)))
}

/// The text of `///` comments.
pub(crate) fn docs(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(meta) if meta.path.is_ident("doc") => match &meta.value {
            Expr::Lit(literal) => match &literal.lit {
                Lit::Str(line) => Some(line.value()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    });
    let lines: Vec<String> =
        lines.map(|line| line.strip_prefix(' ').unwrap_or(&line).to_owned()).collect();
    lines.join("\n").trim().to_owned()
}

/// Tokens as one writes them, near enough.
pub(crate) fn text(tokens: &impl ToTokens) -> String {
    let mut text = tokens.to_token_stream().to_string();
    for (spaced, tight) in [
        (" :: ", "::"),
        (":: ", "::"),
        (" < ", "<"),
        (" <", "<"),
        ("< ", "<"),
        (" >", ">"),
        (" ,", ","),
        (" ;", ";"),
        ("& ", "&"),
        ("( ", "("),
        (" )", ")"),
        ("[ ", "["),
        (" ]", "]"),
    ] {
        text = text.replace(spaced, tight);
    }
    text
}
