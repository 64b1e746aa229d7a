use greenroom::prelude::*;

struct Stack<T> {
    items: Vec<T>,
}

#[actor]
impl<T> Stack<T> {
    fn new() -> Self {
        Stack { items: Vec::new() }
    }
}

struct Pair<A, B>(A, B);

#[actor]
impl Pair<u8, u8> {
    fn new() -> Self {
        Pair(1, 2)
    }
}

fn main() {}
