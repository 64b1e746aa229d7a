//! Writes what a class needs: its description and its dispatch here, what
//! callers use in `stubs`.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Ident, Type};

use crate::class::{Class, Constructor, Method, Param, result_parts, text};
use crate::options::Options;
use crate::stubs;

/// Everything for a class. It stands in a block of its own, so that its names
/// cannot meet the user's; types are the user's, as the user wrote them.
pub(crate) fn class(class: &Class, options: &Options) -> TokenStream {
    let description = description(class, options);
    let dispatch = if class.is_async { concurrent(class) } else { sequential(class) };
    let stub = stubs::calls(class);
    let spawner = stubs::spawner(class);
    let path = &class.path;
    let stub_name = stubs::calls_name(class);
    let spawner_name = stubs::spawner_name(class);
    quote! {
        #[allow(
            dead_code,
            deprecated,
            missing_docs,
            non_snake_case,
            private_bounds,
            private_interfaces,
            unreachable_pub,
            unused_variables,
            unused_mut,
            clippy::all,
            clippy::pedantic,
            reason = "generated"
        )]
        const _: () = {
            #description
            #dispatch
            #stub
            #spawner

            impl ::greenroom::Actor for #path {
                type Stub = #stub_name;
                type Spawner = #spawner_name;
                const CLASS: &'static ::greenroom::__private::Class = &__CLASS;
            }

            ::greenroom::__private::inventory::submit! {
                ::greenroom::__private::Registration::Class(&__CLASS)
            }
        };
    }
}

fn description(class: &Class, options: &Options) -> TokenStream {
    let name = class.name.unraw().to_string();
    let docs = &class.docs;
    let parameters = params(&class.constructor.params);
    let methods = class.methods.iter().map(method_description);
    let options = options.expand();
    let construct = construct(class);
    quote! {
        static __CLASS: ::greenroom::__private::Class = ::greenroom::__private::Class {
            name: #name,
            docs: #docs,
            params: #parameters,
            methods: &[#(#methods),*],
            options: || #options,
            construct: #construct,
        };
    }
}

fn params(params: &[Param]) -> TokenStream {
    let params = params.iter().map(|param| {
        let (name, ty) = (param.ident.unraw().to_string(), &param.written);
        quote!(::greenroom::__private::Param { name: #name, ty: #ty })
    });
    quote!(&[#(#params),*])
}

fn method_description(method: &Method) -> TokenStream {
    let (name, docs, params) =
        (method.ident.unraw().to_string(), &method.docs, params(&method.params));
    let (returns, fails) = if method.is_fallible {
        let (value, error) = result_parts(&method.returns);
        (value, quote!(::std::option::Option::Some(#error)))
    } else {
        (text(&method.returns), quote!(::std::option::Option::None))
    };
    quote! {
        ::greenroom::__private::Method {
            name: #name,
            docs: #docs,
            params: #params,
            returns: #returns,
            fails: #fails,
        }
    }
}

/// A statement that takes the arguments into variables, and the variables.
fn take(params: &[Param]) -> (TokenStream, Vec<Ident>) {
    let names: Vec<Ident> =
        (0..params.len()).map(|index| format_ident!("__argument{index}")).collect();
    let takes = params.iter().zip(&names).map(|(param, name)| {
        let ty = &param.ty;
        quote_spanned!(ty.span()=> let #name: #ty = __reader.take::<#ty>()?;)
    });
    let take = quote! {
        let (#(#names,)*) = __arguments.read(|__reader| {
            #(#takes)*
            ::std::result::Result::Ok((#(#names,)*))
        })?;
    };
    (take, names)
}

/// Turns a `Result` into one with Greenroom's error.
fn unwrap_result(result: &TokenStream, ty: &Type) -> TokenStream {
    let check = quote_spanned! {ty.span()=>
        const _: fn() = || {
            fn is_method_error<E: ::greenroom::__private::MethodError>() {}
            is_method_error::<<#ty as ::greenroom::__private::Fallible>::Error>();
        };
    };
    quote! {{
        #check
        match #result {
            ::std::result::Result::Ok(__value) => __value,
            ::std::result::Result::Err(__error) => {
                use ::greenroom::__private::MessageOnly as _;
                return ::std::result::Result::Err(
                    ::greenroom::__private::Outcome(__error).into_error(),
                );
            }
        }
    }}
}

fn construct(class: &Class) -> TokenStream {
    let path = &class.path;
    let Constructor { params, is_async, fallible } = &class.constructor;
    let (takes, names) = take(params);
    let mut made = quote!(<#path>::new(#(#names),*));
    if *is_async {
        made = quote!(#made.await);
    }
    if let Some(ty) = fallible {
        made = unwrap_result(&made, ty);
    }
    if class.is_async {
        quote! {
            ::greenroom::__private::Construct::Concurrent(|__arguments| {
                ::std::boxed::Box::pin(async move {
                    #takes
                    let __actor: #path = #made;
                    ::std::result::Result::Ok(
                        ::std::rc::Rc::new(__actor)
                            as ::std::rc::Rc<dyn ::greenroom::__private::Concurrent>,
                    )
                })
            })
        }
    } else {
        quote! {
            ::greenroom::__private::Construct::Sequential(|__arguments| {
                #takes
                let __actor: #path = #made;
                ::std::result::Result::Ok(
                    ::std::boxed::Box::new(__actor)
                        as ::std::boxed::Box<dyn ::greenroom::__private::Sequential>,
                )
            })
        }
    }
}

/// The arms that call each method by its index.
fn arms(class: &Class) -> impl Iterator<Item = TokenStream> {
    let path = &class.path;
    class.methods.iter().enumerate().map(move |(index, method)| {
        let ident = &method.ident;
        let place = u32::try_from(index).unwrap_or(u32::MAX);
        let (takes, names) = take(&method.params);
        let mut result = quote!(<#path>::#ident(__actor, #(#names),*));
        if method.is_async {
            result = quote!(#result.await);
        }
        if method.is_fallible {
            result = unwrap_result(&result, &method.returns);
        }
        let returns = &method.returns;
        let reply = quote_spanned!(returns.span()=> ::greenroom::__private::reply(__result));
        quote! {
            #place => {
                let __arguments = ::greenroom::__private::Arguments::of_method(
                    &__CLASS,
                    &__CLASS.methods[#index],
                    __values,
                );
                #takes
                let __result = #result;
                #reply
            }
        }
    })
}

fn sequential(class: &Class) -> TokenStream {
    let path = &class.path;
    let arms = arms(class);
    quote! {
        impl ::greenroom::__private::Sequential for #path {
            #[inline]
            fn invoke(
                &mut self,
                __method: u32,
                __values: ::greenroom::__private::Values,
            ) -> ::greenroom::Result<::greenroom::__private::Value> {
                let __actor = self;
                match __method {
                    #(#arms)*
                    _ => ::std::result::Result::Err(
                        ::greenroom::__private::unknown_method(&__CLASS, __method),
                    ),
                }
            }
        }
    }
}

fn concurrent(class: &Class) -> TokenStream {
    let path = &class.path;
    let arms = arms(class);
    quote! {
        impl ::greenroom::__private::Concurrent for #path {
            fn invoke(
                self: ::std::rc::Rc<Self>,
                __method: u32,
                __values: ::greenroom::__private::Values,
            ) -> ::greenroom::__private::BoxFuture<
                ::greenroom::Result<::greenroom::__private::Value>,
            > {
                ::std::boxed::Box::pin(async move {
                    let __actor: &#path = &self;
                    match __method {
                        #(#arms)*
                        _ => ::std::result::Result::Err(
                            ::greenroom::__private::unknown_method(&__CLASS, __method),
                        ),
                    }
                })
            }
        }
    }
}
