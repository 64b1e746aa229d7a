//! What cannot travel between actors, found in types.

use syn::visit_mut::VisitMut;
use syn::{Error, Ident, Type, TypeImplTrait, TypeReference};

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
        let error = Error::new_spanned(place, message);
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
