// Turns pairs of columns by their token's position.
@group(0) @binding(0) var<storage, read> tokens: array<f32>;
// Sine and cosine of each pair, for each token.
@group(0) @binding(1) var<storage, read> turns: array<vec2<f32>>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
// Columns, pairs of a head, from a pair to the next, and to its other column.
@group(0) @binding(3) var<uniform> sizes: vec4<u32>;

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    // Threads are folded where a device takes no more workgroups in one row.
    let i = id.x + id.y * 65535u * 256u;
    // One thread for each pair: the others have nothing to do.
    let token = i / (sizes.x / 2u);
    if i >= arrayLength(&out) / 2u {
        return;
    }
    let head = i % (sizes.x / 2u) / sizes.y;
    let pair = i % sizes.y;
    let first = token * sizes.x + head * sizes.y * 2u + pair * sizes.z;
    let second = first + sizes.w;
    let turn = turns[token * sizes.y + pair];
    out[first] = tokens[first] * turn.y - tokens[second] * turn.x;
    out[second] = tokens[first] * turn.x + tokens[second] * turn.y;
}
