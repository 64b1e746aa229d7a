use greenroom::prelude::*;

mod one {
    use super::*;

    #[driver]
    fn run(count: u32) -> Result<()> {
        Ok(())
    }
}

mod two {
    use super::*;

    #[driver]
    fn run() -> i32 {
        0
    }
}

mod three {
    use super::*;

    #[driver]
    fn run(args: Vec<String>, more: Vec<String>) {}
}

mod four {
    use super::*;

    #[driver(verbose)]
    fn run<T>() {}
}

fn main() {}
