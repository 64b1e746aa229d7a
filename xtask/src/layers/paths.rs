//! Finding the paths in a Rust source, by its tokens: a macro's body counts
//! as any other code, and comments and strings do not count.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// A path in the source, made absolute.
#[derive(Debug)]
pub(super) struct Mention {
    /// The line it begins on.
    pub(super) line: usize,
    /// Its names; after the crate's root if it is in this crate.
    pub(super) path: Vec<String>,
    /// Whether it leads into this crate.
    pub(super) in_crate: bool,
    /// Whether it is imported, so that other paths may begin with its end.
    pub(super) imported: bool,
}

/// All paths of a file that holds this module.
pub(super) fn mentions(text: &str, module: &[String]) -> Vec<Mention> {
    let stream: TokenStream = text.parse().expect("a source file is Rust");
    let mut walk = Walk { found: Vec::new() };
    walk.code(stream, module);
    walk.found
}

struct Walk {
    found: Vec<Mention>,
}

impl Walk {
    /// Any tokens, in a module.
    fn code(&mut self, stream: TokenStream, module: &[String]) {
        let tokens: Vec<TokenTree> = stream.into_iter().collect();
        let mut at = 0;
        while at < tokens.len() {
            match &tokens[at..] {
                [TokenTree::Ident(word), TokenTree::Ident(name), TokenTree::Group(body), ..]
                    if word == "mod" && body.delimiter() == Delimiter::Brace =>
                {
                    let inner: Vec<String> =
                        module.iter().cloned().chain([name.to_string()]).collect();
                    self.code(body.stream(), &inner);
                    at += 3;
                }
                [TokenTree::Ident(word), ..] if word == "use" => {
                    at += 1;
                    at += if is_path_separator(&tokens[at..]) { 2 } else { 0 };
                    at += self.path(&tokens[at..], module, &[], true);
                }
                [TokenTree::Ident(_), rest @ ..] if is_path_separator(rest) => {
                    at += self.path(&tokens[at..], module, &[], false);
                }
                [TokenTree::Group(group), ..] => {
                    self.code(group.stream(), module);
                    at += 1;
                }
                _ => at += 1,
            }
        }
    }

    /// A path that begins here, after `prefix`; how many tokens it has.
    fn path(
        &mut self,
        tokens: &[TokenTree],
        module: &[String],
        prefix: &[String],
        imported: bool,
    ) -> usize {
        let mut path = prefix.to_vec();
        let mut at = 0;
        loop {
            match tokens.get(at) {
                Some(TokenTree::Ident(name)) => path.push(name.to_string()),
                Some(TokenTree::Punct(punct)) if punct.as_char() == '*' => path.push("*".into()),
                Some(TokenTree::Group(group)) if imported => {
                    self.group(group.stream(), module, &path);
                    return at + 1;
                }
                _ => break,
            }
            at += 1;
            let names_follow = !matches!(tokens.get(at + 2), Some(TokenTree::Punct(punct)) if punct.as_char() == '<');
            if !is_path_separator(&tokens[at..]) || !names_follow {
                break;
            }
            at += 2;
        }
        if let Some(first) = tokens.first() {
            self.found.extend(absolute(path, module, imported).map(|(path, in_crate)| Mention {
                line: first.span().start().line,
                path,
                in_crate,
                imported,
            }));
        }
        // A path has at least one token, even one that is not understood.
        at.max(1)
    }

    /// The braces of a `use`, after `prefix`.
    fn group(&mut self, stream: TokenStream, module: &[String], prefix: &[String]) {
        let tokens: Vec<TokenTree> = stream.into_iter().collect();
        let items = tokens
            .split(|token| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ','));
        for item in items.filter(|item| !item.is_empty()) {
            self.path(item, module, prefix, true);
        }
    }
}

fn is_path_separator(tokens: &[TokenTree]) -> bool {
    matches!(tokens, [TokenTree::Punct(a), TokenTree::Punct(b), ..] if a.as_char() == ':' && b.as_char() == ':')
}

/// A path from the crate's root, and true; or another crate's, and false.
fn absolute(
    mut path: Vec<String>,
    module: &[String],
    imported: bool,
) -> Option<(Vec<String>, bool)> {
    if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
        path.pop();
    }
    let mut base = match path.first()?.as_str() {
        "crate" => Vec::new(),
        "self" | "super" => module.to_vec(),
        _ => {
            // `use a::*` imports what is in `a`.
            path.pop_if(|last| imported && last == "*");
            return Some((path, false));
        }
    };
    let supers = path.iter().take_while(|name| matches!(name.as_str(), "crate" | "self" | "super"));
    let up = supers.clone().filter(|name| *name == "super").count();
    base.truncate(base.len().saturating_sub(up));
    base.extend_from_slice(&path[supers.count()..]);
    Some((base, true))
}
