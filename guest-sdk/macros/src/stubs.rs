//! Writes what callers use: the calls of a handle, and `remote`.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::Ident;
use syn::ext::IdentExt;

use crate::class::{Class, Param};

pub(crate) fn calls_name(class: &Class) -> Ident {
    format_ident!("{}Calls", class.name)
}

pub(crate) fn spawner_name(class: &Class) -> Ident {
    format_ident!("{}Spawner", class.name)
}

/// The calls that a handle derefs to.
pub(crate) fn calls(class: &Class) -> TokenStream {
    let stub = calls_name(class);
    let doc = format!("The calls of a handle to a [`{}`].", class.name);
    let calls = class.methods.iter().map(|method| {
        let (ident, name) = (&method.ident, method.ident.unraw().to_string());
        let attributes = &method.docs_attributes;
        let returns = &method.returns;
        let value = if method.is_fallible {
            quote!(<#returns as ::greenroom::__private::Fallible>::Value)
        } else {
            quote!(#returns)
        };
        let (declared, added) = stub_params(&method.params);
        quote! {
            #(#attributes)*
            #[inline]
            pub fn #ident(&self, #declared) -> ::greenroom::Call<'_, #value> {
                ::greenroom::Call::new(&self.0, #name) #added
            }
        }
    });
    quote! {
        #[doc = #doc]
        pub struct #stub(::greenroom::__private::Target);

        impl #stub {
            #(#calls)*
        }

        impl ::std::convert::From<::greenroom::__private::Target> for #stub {
            fn from(target: ::greenroom::__private::Target) -> Self {
                #stub(target)
            }
        }

        impl ::std::convert::AsRef<::greenroom::__private::Target> for #stub {
            fn as_ref(&self) -> &::greenroom::__private::Target {
                &self.0
            }
        }
    }
}

/// A stub's parameters, and the calls that add them to a call.
fn stub_params(params: &[Param]) -> (TokenStream, TokenStream) {
    let declared =
        params.iter().map(|Param { ident, ty, .. }| quote!(#ident: impl ::greenroom::IntoArg<#ty>));
    let added = params.iter().map(|Param { ident, ty, .. }| quote!(.arg::<#ty>(#ident)));
    (quote!(#(#declared),*), quote!(#(#added)*))
}

/// `remote`, on the class and on its options.
pub(crate) fn spawner(class: &Class) -> TokenStream {
    let (path, spawner) = (&class.path, spawner_name(class));
    let (declared, _) = stub_params(&class.constructor.params);
    let idents: Vec<&Ident> = class.constructor.params.iter().map(|param| &param.ident).collect();
    let types = class.constructor.params.iter().map(|param| &param.ty);
    quote! {
        #[doc(hidden)]
        #[derive(Default)]
        pub struct #spawner(::greenroom::__private::Spawning);

        impl ::std::convert::AsMut<::greenroom::__private::Spawning> for #spawner {
            fn as_mut(&mut self) -> &mut ::greenroom::__private::Spawning {
                &mut self.0
            }
        }

        impl #spawner {
            /// Creates an actor with these options. The handle works at once.
            pub fn remote(&self, #declared) -> ::greenroom::Result<::greenroom::Handle<#path>> {
                let mut __arguments = ::greenroom::__private::Args::new();
                #(__arguments.add::<#types>(#idents);)*
                self.0.spawn(__arguments)
            }
        }

        impl #path {
            /// Creates an actor of this class. The handle works at once; if the
            /// constructor fails, calls answer `Error::Died`.
            pub fn remote(#declared) -> ::greenroom::Result<::greenroom::Handle<#path>> {
                ::greenroom::Options::<#path>::default().remote(#(#idents),*)
            }
        }
    }
}
