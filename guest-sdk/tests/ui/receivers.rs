use greenroom::prelude::*;

struct Once;

#[actor]
impl Once {
    fn new() -> Self {
        Once
    }

    fn finish(self) {}

    fn shared(self: std::rc::Rc<Self>) {}

    unsafe fn dangerous(&self) {}

    fn kill(&self) {}

    #[cfg(unix)]
    fn on_unix(&self) {}

    fn remote() {}
}

fn main() {}
