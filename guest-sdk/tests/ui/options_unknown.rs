use greenroom::prelude::*;

struct A;

#[actor(cpu = 1)]
impl A {
    fn new() -> Self {
        A
    }
}

struct B;

#[actor(gpus)]
impl B {
    fn new() -> Self {
        B
    }
}

struct C;

#[actor(name = "a", name = "b")]
impl C {
    fn new() -> Self {
        C
    }
}

fn main() {}
