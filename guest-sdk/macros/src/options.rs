//! What stands in `#[actor(…)]`.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Error, Ident, Lit, LitStr, Result, Token, parenthesized};

const KNOWN: &str = "cpus, gpus, memory, resources(…), strategy, labels, max_restarts, \
     max_retries, max_concurrency, max_pending_calls, name, namespace, detached, isolation";

/// The options of a class, each absent or given once.
#[derive(Default)]
pub(crate) struct Options {
    cpus: Option<f64>,
    gpus: Option<f64>,
    memory: Option<u64>,
    resources: Vec<(String, f64)>,
    /// The path of a variant and, of those that name a node, which.
    strategy: Option<TokenStream>,
    labels: Option<String>,
    max_restarts: Option<i32>,
    max_retries: Option<i32>,
    /// With its place: only the class knows whether it may be more than 1.
    pub(crate) max_concurrency: Option<(u32, Span)>,
    max_pending_calls: Option<u32>,
    name: Option<String>,
    namespace: Option<String>,
    detached: Option<bool>,
    /// The path of a variant.
    isolation: Option<TokenStream>,
}

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut options = Options::default();
        let mut seen: Vec<Ident> = Vec::new();
        while !input.is_empty() {
            let key: Ident = input.parse()?;
            if seen.contains(&key) {
                return Err(Error::new(key.span(), format!("`{key}` is given twice")));
            }
            options.read(&key, input)?;
            seen.push(key);
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(options)
    }
}

impl Options {
    fn read(&mut self, key: &Ident, input: ParseStream<'_>) -> Result<()> {
        match key.to_string().as_str() {
            "cpus" => self.cpus = Some(amount(key, &Value::parse(key, input)?)?),
            "gpus" => self.gpus = Some(amount(key, &Value::parse(key, input)?)?),
            "memory" => self.memory = Some(memory(&Value::parse(key, input)?)?),
            "resources" => self.resources = resources(key, input)?,
            "strategy" => self.strategy = Some(strategy(key, &Value::parse(key, input)?)?),
            "labels" => self.labels = Some(text(key, &Value::parse(key, input)?)?),
            "max_restarts" => self.max_restarts = Some(tries(key, &Value::parse(key, input)?)?),
            "max_retries" => self.max_retries = Some(tries(key, &Value::parse(key, input)?)?),
            "max_concurrency" => {
                let value = Value::parse(key, input)?;
                self.max_concurrency = Some((positive(key, &value)?, value.span()));
            }
            "max_pending_calls" => {
                self.max_pending_calls = Some(positive(key, &Value::parse(key, input)?)?);
            }
            "name" => self.name = Some(text(key, &Value::parse(key, input)?)?),
            "namespace" => self.namespace = Some(text(key, &Value::parse(key, input)?)?),
            "isolation" => self.isolation = Some(isolation(key, &Value::parse(key, input)?)?),
            "detached" => self.detached = Some(flag(key, input)?),
            _ => {
                let message = format!("no option is called `{key}`; there are: {KNOWN}");
                return Err(Error::new(key.span(), message));
            }
        }
        Ok(())
    }

    /// An expression that makes these options.
    pub(crate) fn expand(&self) -> TokenStream {
        let cpus = optional(self.cpus);
        let gpus = optional(self.gpus);
        let memory = optional(self.memory);
        let resources = self
            .resources
            .iter()
            .map(|(name, amount)| quote!((::std::string::String::from(#name), #amount)));
        let strategy = optional(self.strategy.as_ref());
        let labels = self.labels.iter().map(owned);
        let max_restarts = optional(self.max_restarts);
        let max_retries = optional(self.max_retries);
        let max_concurrency = optional(self.max_concurrency.map(|(calls, _)| calls));
        let max_pending_calls = optional(self.max_pending_calls);
        let name = optional(self.name.as_ref().map(owned));
        let namespace = optional(self.namespace.as_ref().map(owned));
        let detached = optional(self.detached);
        let isolation = optional(self.isolation.as_ref());
        quote! {
            ::greenroom::__private::ActorOptions {
                cpus: #cpus,
                gpus: #gpus,
                memory: #memory,
                resources: ::std::vec![#(#resources),*],
                strategy: #strategy,
                labels: ::std::vec![#(#labels),*],
                max_restarts: #max_restarts,
                max_retries: #max_retries,
                max_concurrency: #max_concurrency,
                max_pending_calls: #max_pending_calls,
                name: #name,
                namespace: #namespace,
                detached: #detached,
                isolation: #isolation,
                group: ::core::option::Option::None,
            }
        }
    }
}

fn optional(value: Option<impl quote::ToTokens>) -> TokenStream {
    match value {
        Some(value) => quote!(::std::option::Option::Some(#value)),
        None => quote!(::std::option::Option::None),
    }
}

fn owned(text: &String) -> TokenStream {
    quote!(::std::string::String::from(#text))
}

/// A literal, perhaps with a sign.
struct Value {
    negative: bool,
    literal: Lit,
}

impl Value {
    fn parse(key: &Ident, input: ParseStream<'_>) -> Result<Self> {
        if !input.peek(Token![=]) {
            return Err(Error::new(key.span(), format!("`{key}` needs a value: `{key} = …`")));
        }
        input.parse::<Token![=]>()?;
        let negative = input.parse::<Option<Token![-]>>()?.is_some();
        let literal = input
            .parse()
            .map_err(|error| Error::new(error.span(), format!("`{key}` must be a literal")))?;
        Ok(Value { negative, literal })
    }

    fn span(&self) -> Span {
        self.literal.span()
    }

    fn wrong(&self, key: &Ident, wanted: &str) -> Error {
        Error::new(self.span(), format!("`{key}` must be {wanted}"))
    }
}

/// A finite number, not negative.
fn amount(key: &dyn std::fmt::Display, value: &Value) -> Result<f64> {
    let number = match &value.literal {
        Lit::Float(float) => float.base10_parse::<f64>().ok(),
        Lit::Int(int) => int.base10_parse::<u32>().ok().map(f64::from),
        _ => None,
    };
    let number = number.filter(|number| number.is_finite() && !value.negative);
    number.ok_or_else(|| {
        Error::new(value.span(), format!("`{key}` must be a number such as 0.5 or 2"))
    })
}

/// A count of tries; -1 means no bound.
fn tries(key: &Ident, value: &Value) -> Result<i32> {
    let wrong = || value.wrong(key, "a whole number, or -1 for no bound");
    let Lit::Int(int) = &value.literal else { return Err(wrong()) };
    match (int.base10_parse::<i32>(), value.negative) {
        (Ok(number), false) => Ok(number),
        (Ok(1), true) => Ok(-1),
        _ => Err(wrong()),
    }
}

fn positive(key: &Ident, value: &Value) -> Result<u32> {
    let number = match &value.literal {
        Lit::Int(int) if !value.negative => int.base10_parse::<u32>().ok(),
        _ => None,
    };
    let number = number.filter(|number| *number > 0);
    number.ok_or_else(|| value.wrong(key, "a whole number, at least 1"))
}

fn text(key: &Ident, value: &Value) -> Result<String> {
    match &value.literal {
        Lit::Str(text) if !text.value().is_empty() => Ok(text.value()),
        _ => Err(value.wrong(key, "text, in quotes and not empty")),
    }
}

/// `"pack"`, `"spread"`, `"on-node beta"` or `"near-node beta"`.
fn strategy(key: &Ident, value: &Value) -> Result<TokenStream> {
    let wanted = "\"pack\", \"spread\", \"on-node NAME\" or \"near-node NAME\"";
    let text = text(key, value)?;
    let (word, node) =
        text.split_once(' ').map_or((text.as_str(), ""), |(word, node)| (word, node));
    let node = node.trim();
    let path = quote!(::greenroom::__private::Strategy);
    match (word, node) {
        ("pack", "") => Ok(quote!(#path::Pack)),
        ("spread", "") => Ok(quote!(#path::Spread)),
        ("on-node", node) if !node.is_empty() => {
            Ok(quote!(#path::OnNode(::std::string::String::from(#node))))
        }
        ("near-node", node) if !node.is_empty() => {
            Ok(quote!(#path::NearNode(::std::string::String::from(#node))))
        }
        _ => Err(value.wrong(key, wanted)),
    }
}

/// `"shared"` or `"process"`.
fn isolation(key: &Ident, value: &Value) -> Result<TokenStream> {
    let path = quote!(::greenroom::Isolation);
    match text(key, value)?.as_str() {
        "shared" => Ok(quote!(#path::Shared)),
        "process" => Ok(quote!(#path::Process)),
        _ => Err(value.wrong(key, "\"shared\" or \"process\"")),
    }
}

/// `detached` or `detached = true`.
fn flag(key: &Ident, input: ParseStream<'_>) -> Result<bool> {
    if !input.peek(Token![=]) {
        return Ok(true);
    }
    let value = Value::parse(key, input)?;
    match &value.literal {
        Lit::Bool(flag) => Ok(flag.value),
        _ => Err(value.wrong(key, "`true` or `false`, or stand alone")),
    }
}

/// Bytes, or text with a unit; `Options::memory` knows the same units.
fn memory(value: &Value) -> Result<u64> {
    let bytes = match &value.literal {
        Lit::Int(int) if !value.negative => int.base10_parse::<u64>().ok(),
        Lit::Str(text) => bytes(&text.value()),
        _ => None,
    };
    bytes.filter(|bytes| *bytes > 0).ok_or_else(|| {
        Error::new(value.span(), "`memory` must be bytes, or text such as \"256MiB\" or \"1GB\"")
    })
}

fn bytes(text: &str) -> Option<u64> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let factor = match unit.trim() {
        "" | "B" => 1,
        "kB" => 1000,
        "KiB" => 1 << 10,
        "MB" => 1000 * 1000,
        "MiB" => 1 << 20,
        "GB" => 1000 * 1000 * 1000,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

/// `resources(tpu = 2, "fast disk" = 0.5)`.
fn resources(key: &Ident, input: ParseStream<'_>) -> Result<Vec<(String, f64)>> {
    if !input.peek(syn::token::Paren) {
        return Err(Error::new(key.span(), "write `resources(name = amount, …)`"));
    }
    let content;
    parenthesized!(content in input);
    let resources = Punctuated::<Resource, Token![,]>::parse_terminated(&content)?;
    Ok(resources.into_iter().map(|resource| (resource.name, resource.amount)).collect())
}

struct Resource {
    name: String,
    amount: f64,
}

impl Parse for Resource {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let place = input.span();
        let key = if input.peek(LitStr) {
            input.parse::<LitStr>()?.value()
        } else {
            input.parse::<Ident>()?.to_string()
        };
        if !input.peek(Token![=]) {
            return Err(Error::new(place, format!("`{key}` needs an amount: `{key} = 1`")));
        }
        let value = Value::parse(&Ident::new("resources", place), input)?;
        Ok(Resource { amount: amount(&key, &value)?, name: key })
    }
}
