//! Drivers.

use host_core::Error;
use tests::{World, check};

async fn run(world: &World, args: &[&str]) -> Result<(), Error> {
    let package = world.load("lives").await;
    world.job.run(&package, args.iter().map(|arg| (*arg).to_owned()).collect()).await
}

#[test]
fn a_driver_gets_its_arguments_and_prints_as_it_is() {
    check(async |world| {
        run(&world, &["echo", "a", "b c", "ü"]).await.unwrap();
        assert_eq!(world.lines.stdout(), "a,b c,ü\n");
        assert!(world.lines.is_empty());
    });
}

#[test]
fn a_drivers_error_is_its_runs() {
    check(async |world| {
        let failed = run(&world, &["fail"]).await;
        assert!(
            matches!(&failed, Err(Error::Failed { message, .. }) if message == "driver is odd")
        );
        let trapped = run(&world, &["panic"]).await;
        let Err(Error::Trapped { message, .. }) = trapped else { panic!("{trapped:?}") };
        assert!(message.starts_with("the driver panics ("), "{message}");
    });
}

#[test]
fn a_drivers_actors_end_with_their_job_though_handles_leaked() {
    check(async |world| {
        let package = world.load("lives").await;
        let job = world.other_job();
        job.run(&package, vec!["spawn".into()]).await.unwrap();
        drop(job);
        let kept = world.lookup("kept").await.unwrap();
        assert_eq!(kept.ask("echo", (5,)).await, Ok(5));
        tests::until("only the detached one lives", || world.live("Quitter").len() == 1).await;
        kept.kill();
        world.until_gone("Quitter").await;
    });
}

#[test]
fn a_package_without_a_driver_is_refused() {
    check(async |world| {
        let package = world.load("basic").await;
        let refused = world.job.run(&package, Vec::new()).await;
        assert!(matches!(&refused, Err(Error::Invalid(text)) if text.contains("driver")));
    });
}
