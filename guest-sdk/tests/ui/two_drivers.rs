use greenroom::prelude::*;

#[driver]
fn main() -> Result<()> {
    Ok(())
}

#[driver]
fn start() -> Result<()> {
    Ok(())
}
