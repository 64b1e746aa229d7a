//! `#[driver]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{FnArg, ItemFn, Result, ReturnType, Type};

use crate::check::Errors;
use crate::class::docs;

/// The registration that follows the function.
pub(crate) fn expand(attribute: &TokenStream, function: &ItemFn) -> Result<TokenStream> {
    check(attribute, function)?;
    let ident = &function.sig.ident;
    let docs = docs(&function.attrs);
    let args = if function.sig.inputs.is_empty() { quote!() } else { quote!(__args) };
    let mut result = quote!(#ident(#args));
    if function.sig.asyncness.is_some() {
        result = quote!(#result.await);
    }
    let body = if matches!(function.sig.output, ReturnType::Default) {
        quote! {
            #result;
            ::std::result::Result::Ok(())
        }
    } else {
        quote! {
            match #result {
                ::std::result::Result::Ok(()) => ::std::result::Result::Ok(()),
                ::std::result::Result::Err(__error) => {
                    use ::greenroom::__private::MessageOnly as _;
                    ::std::result::Result::Err(
                        ::greenroom::__private::Outcome(__error).into_error(),
                    )
                }
            }
        }
    };
    let run = if function.sig.asyncness.is_some() {
        quote! {
            ::greenroom::__private::Run::Async(|__args| {
                ::std::boxed::Box::pin(async move { #body })
            })
        }
    } else {
        quote!(::greenroom::__private::Run::Blocking(|__args| { #body }))
    };
    Ok(quote! {
        // Two drivers in one place make this name twice, which is the error
        // that their author should see.
        #[doc(hidden)]
        #[allow(non_camel_case_types, dead_code, reason = "read in an error message")]
        enum a_package_has_only_one_driver {}

        #[allow(unused_variables, clippy::all, reason = "generated")]
        const _: () = {
            static __DRIVER: ::greenroom::__private::Driver = ::greenroom::__private::Driver {
                docs: #docs,
                location: ::std::concat!(::std::file!(), ":", ::std::line!()),
                run: #run,
            };

            ::greenroom::__private::inventory::submit! {
                ::greenroom::__private::Registration::Driver(&__DRIVER)
            }
        };
    })
}

fn check(attribute: &TokenStream, function: &ItemFn) -> Result<()> {
    let mut errors = Errors::default();
    let signature = &function.sig;
    if !attribute.is_empty() {
        errors.add(attribute, "`#[driver]` has no options");
    }
    if !signature.generics.params.is_empty() {
        errors.add(&signature.generics, "the driver cannot be generic: the host calls it");
    }
    if let Some(asynchronous) = &signature.asyncness {
        if !cfg!(feature = "async") {
            errors.add(
                asynchronous,
                "an async driver needs the SDK's feature: \
                 `greenroom = { …, features = [\"async\"] }` in Cargo.toml",
            );
        }
    }
    let takes_arguments = match signature.inputs.iter().collect::<Vec<_>>().as_slice() {
        [] => true,
        [FnArg::Typed(argument)] => is_strings(&argument.ty),
        _ => false,
    };
    if !takes_arguments {
        errors.add(
            &signature.inputs,
            "the driver takes nothing, or the program's arguments: `args: Vec<String>`",
        );
    }
    if let ReturnType::Type(_, ty) = &signature.output {
        if !is_result(ty) {
            errors.add(ty, "the driver answers `Result<()>`, or nothing");
        }
    }
    errors.finish()
}

fn is_strings(ty: &Type) -> bool {
    crate::class::text(ty).trim_start_matches("std::vec::") == "Vec<String>"
}

fn is_result(ty: &Type) -> bool {
    match ty {
        Type::Path(ty) => ty.path.segments.last().is_some_and(|segment| segment.ident == "Result"),
        Type::Tuple(tuple) => tuple.elems.is_empty(),
        _ => false,
    }
}
