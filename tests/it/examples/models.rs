//! Real models in the sandbox, which reads their weights from a granted folder.

use std::path::PathBuf;

use host_core::spec::Options;
use tests::{check_with, guests};

use super::{Access, DirGrant, World};

const SENTENCES: &str = include_str!("../../../examples/embed/reference/sentences.txt");

/// For each sentence a scale and 384 signed bytes: see the example's own test.
const VECTORS: &[u8] = include_bytes!("../../../examples/embed/reference/reference.i8");

/// As many sentences as there are kinds of them; the example's own test has all.
const COUNT: usize = 48;

/// Guests know the folder as this.
const FOLDER: &str = "/model";

fn weights() -> DirGrant {
    let models = host_toolchain::find_models(&guests::workspace());
    let path = models.unwrap_or_else(|missing| panic!("{missing}")).minilm();
    DirGrant { path, guest_path: FOLDER.to_owned(), access: Access::ReadOnly }
}

#[test]
fn embed_makes_the_reference_vectors_in_the_sandbox() {
    let component = guests::example("embed");
    let run = async move |world: World| {
        let package = world.try_load(component).await.expect("the example can be loaded");
        let folder = PathBuf::from(FOLDER);
        let embed = world.spawn(&package, "Embed", (folder,), Options::default());
        let embed = embed.expect("the actor can be created");
        let texts: Vec<_> = SENTENCES.lines().take(COUNT).collect();
        let vectors: Vec<Vec<f32>> =
            embed.ask("embed", (&texts,)).await.expect("the texts have vectors");
        assert_eq!(vectors.len(), COUNT);
        for ((text, vector), reference) in texts.iter().zip(vectors).zip(VECTORS.chunks(4 + 384)) {
            let wanted = reference[4..].iter().map(|byte| f32::from(byte.cast_signed()));
            let length = wanted.clone().map(|x| x * x).sum::<f32>().sqrt();
            let product: f32 = vector.iter().zip(wanted).map(|(a, b)| a * b).sum();
            assert!(1.0 - product / length < 1e-3, "{text}");
        }
    };
    check_with(|config| config.grants.dirs.push(weights()), run);
}

#[test]
fn serve_loses_no_request_when_a_server_is_killed() {
    // 2 servers without a GPU, 8 requests of each of the 16 clients.
    let args = [FOLDER, "2", "0", "8"];
    super::check("serve", &args, Some(weights()), |printed| {
        assert!(printed.contains("\nkilled "), "{printed}");
        assert!(printed.contains("\n128 answered, 0 lost, 0 wrong\n"), "{printed}");
    });
}
