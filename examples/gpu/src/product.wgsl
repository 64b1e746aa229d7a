// Square matrices, row by row.
@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> product: array<f32>;
@group(0) @binding(3) var<uniform> size: u32;

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= size || id.y >= size {
        return;
    }
    var sum = 0.0;
    for (var i = 0u; i < size; i++) {
        sum += a[id.y * size + i] * b[i * size + id.x];
    }
    product[id.y * size + id.x] = sum;
}
