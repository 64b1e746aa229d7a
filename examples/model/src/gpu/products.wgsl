// Many tokens with each row of a matrix: a workgroup for a tile of 16 tokens
// and 16 rows, which reads each number once for all of them.
@group(0) @binding(0) var<storage, read> tokens: array<f32>;
@group(0) @binding(1) var<storage, read> matrix: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
// Tokens, rows, columns.
@group(0) @binding(3) var<uniform> sizes: vec4<u32>;

var<workgroup> some_tokens: array<array<f32, 16>, 16>;
var<workgroup> some_rows: array<array<f32, 16>, 16>;

@compute @workgroup_size(16, 16)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) id: vec3<u32>) {
    let token = group.y * 16u + id.y;
    let row = group.x * 16u + id.x;
    // What each thread fetches for the others.
    let fetched_token = min(token, sizes.x - 1u) * sizes.z;
    let fetched_row = min(group.x * 16u + id.y, sizes.y - 1u) * sizes.z;
    var sum = 0.0;
    for (var start = 0u; start < sizes.z; start += 16u) {
        let column = start + id.x;
        let last = sizes.z - 1u;
        let inside = select(0.0, 1.0, column <= last);
        some_tokens[id.y][id.x] = tokens[fetched_token + min(column, last)] * inside;
        some_rows[id.y][id.x] = matrix[fetched_row + min(column, last)];
        workgroupBarrier();
        for (var i = 0u; i < 16u; i++) {
            sum += some_tokens[id.y][i] * some_rows[id.x][i];
        }
        workgroupBarrier();
    }
    if token < sizes.x && row < sizes.y {
        out[token * sizes.y + row] = sum;
    }
}
