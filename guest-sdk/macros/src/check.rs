//! What cannot be an actor: types that cannot travel, functions that others
//! cannot call, names that are taken.

use proc_macro2::Span;
use syn::visit_mut::VisitMut;
use syn::{Error, Ident, ImplItem, ImplItemFn, ItemImpl, Type, TypeImplTrait, TypeReference};

use crate::options::Options;

/// Refuses a type that cannot be sent: it borrows, or nobody can name it.
pub(crate) fn sendable(ty: &Type, what: &str, errors: &mut Errors) {
    let mut visitor = Sendable { what, errors };
    visitor.visit_type_mut(&mut ty.clone());
}

struct Sendable<'a> {
    what: &'a str,
    errors: &'a mut Errors,
}

impl VisitMut for Sendable<'_> {
    fn visit_type_reference_mut(&mut self, reference: &mut TypeReference) {
        let what = self.what;
        let owned = owned_form(&reference.elem);
        let message = format!(
            "{what} of an actor's method cannot be a reference: it is copied from one actor to \
             another; take {owned} instead"
        );
        self.errors.add(&*reference, message);
    }

    fn visit_type_impl_trait_mut(&mut self, ty: &mut TypeImplTrait) {
        let what = self.what;
        let message = format!(
            "{what} of an actor's method cannot be `impl Trait`: callers in other programs need \
             one type; name it"
        );
        self.errors.add(&*ty, message);
    }

    fn visit_lifetime_mut(&mut self, lifetime: &mut syn::Lifetime) {
        let what = self.what;
        self.errors.add(
            &*lifetime,
            format!(
                "{what} of an actor's method cannot borrow: it is copied from one actor to another"
            ),
        );
    }
}

fn owned_form(referent: &Type) -> String {
    match referent {
        Type::Path(path) if path.path.is_ident("str") => "`String`".to_owned(),
        Type::Slice(slice) => {
            let element = crate::class::text(&slice.elem);
            format!("`Vec<{element}>`")
        }
        other => format!("`{}`", crate::class::text(other)),
    }
}

/// Refuses functions that nobody can call from outside.
pub(crate) fn signature(function: &ImplItemFn, errors: &mut Errors) {
    let name = &function.sig.ident;
    if !function.sig.generics.params.is_empty() {
        errors.add(
            &function.sig.generics,
            format!("`{name}` cannot be generic: its arguments come from other actors, so their types must be known"),
        );
    }
    if let Some(unsafety) = &function.sig.unsafety {
        errors.add(unsafety, "a method that others call cannot be unsafe");
    }
    if let Some(variadic) = &function.sig.variadic {
        errors.add(variadic, "a method that others call cannot be variadic");
    }
    for attribute in &function.attrs {
        if attribute.path().is_ident("cfg") || attribute.path().is_ident("cfg_attr") {
            errors.add(
                attribute,
                "a method of an actor cannot be conditional; put the `#[cfg]` before the whole block",
            );
        }
    }
}

/// Refuses methods that would take the actor away, or need it for themselves
/// while another call is in progress.
pub(crate) fn receiver(function: &ImplItemFn, class_is_async: bool, errors: &mut Errors) {
    let Some(receiver) = function.sig.receiver() else { return };
    if receiver.reference.is_none() {
        errors.add(
            receiver,
            "a method of an actor takes `&self` or `&mut self`: the actor goes on living after the call",
        );
    } else if receiver.mutability.is_some() && class_is_async {
        errors.add(
            receiver,
            "calls of an async actor interleave, so its methods take `&self`; keep what changes in \
             a `Cell` or a `RefCell` (not borrowed across an `.await`)",
        );
    }
}

/// Refuses what only the other kind of class can do.
pub(crate) fn concurrency(
    is_async: bool,
    options: &Options,
    block: &ItemImpl,
    errors: &mut Errors,
) {
    if is_async && !cfg!(feature = "async") {
        let asynchronous = block.items.iter().find_map(|item| match item {
            ImplItem::Fn(function) => function.sig.asyncness,
            _ => None,
        });
        errors.add(
            asynchronous,
            "an async actor needs the SDK's feature: \
             `greenroom = { …, features = [\"async\"] }` in Cargo.toml",
        );
    }
    if let Some((calls, place)) = options.max_concurrency {
        if calls > 1 && !is_async {
            let message = "only an async class (one with an `async fn`) runs more than one call \
                           at once";
            errors.add_at(place, message);
        }
    }
}

/// Replaces `Self`, which means something else where the type is repeated.
pub(crate) struct NameSelf<'a>(pub(crate) &'a syn::Path);

impl VisitMut for NameSelf<'_> {
    fn visit_path_mut(&mut self, path: &mut syn::Path) {
        let starts_with_self = path.segments.first().is_some_and(|segment| segment.ident == "Self");
        if starts_with_self {
            let rest: Vec<_> = path.segments.iter().skip(1).cloned().collect();
            *path = self.0.clone();
            path.segments.extend(rest);
        }
        syn::visit_mut::visit_path_mut(self, path);
    }
}

/// All mistakes at once, each at its place.
#[derive(Default)]
pub(crate) struct Errors(Option<Error>);

impl Errors {
    pub(crate) fn add(&mut self, place: impl quote::ToTokens, message: impl std::fmt::Display) {
        self.push(Error::new_spanned(place, message));
    }

    pub(crate) fn add_at(&mut self, place: Span, message: impl std::fmt::Display) {
        self.push(Error::new(place, message));
    }

    fn push(&mut self, error: Error) {
        match &mut self.0 {
            Some(errors) => errors.combine(error),
            None => self.0 = Some(error),
        }
    }

    pub(crate) fn finish(self) -> syn::Result<()> {
        self.0.map_or(Ok(()), Err)
    }
}

/// Names that every handle has already, so that a method with one of them
/// could not be called.
pub(crate) fn is_taken(name: &Ident) -> bool {
    const TAKEN: [&str; 11] = [
        "kill",
        "kill_and_restart",
        "clone",
        "clone_from",
        "to_owned",
        "into",
        "try_into",
        "fmt",
        "deref",
        "serialize",
        "borrow",
    ];
    TAKEN.iter().any(|taken| name == taken)
}
