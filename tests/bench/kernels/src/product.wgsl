// The product of two square matrices, tile by tile: each workgroup computes 16
// rows and columns of it, and reads each number of theirs once.

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> c: array<f32>;
@group(0) @binding(3) var<uniform> size: u32;

var<workgroup> a_tile: array<f32, 256>;
var<workgroup> b_tile: array<f32, 256>;

@compute @workgroup_size(16, 16)
fn main(
    @builtin(local_invocation_id) local: vec3<u32>,
    @builtin(workgroup_id) group: vec3<u32>,
) {
    let row = group.y * 16 + local.y;
    let column = group.x * 16 + local.x;
    var sum = 0.0;
    for (var tile = 0u; tile < size / 16; tile++) {
        a_tile[local.y * 16 + local.x] = a[row * size + tile * 16 + local.x];
        b_tile[local.y * 16 + local.x] = b[(tile * 16 + local.y) * size + column];
        workgroupBarrier();
        for (var k = 0u; k < 16; k++) {
            sum += a_tile[local.y * 16 + k] * b_tile[k * 16 + local.x];
        }
        workgroupBarrier();
    }
    c[row * size + column] = sum;
}
