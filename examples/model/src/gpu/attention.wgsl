// Attention: a workgroup for each query and head, with a thread for each column
// of the head. Keys are read 128 at a time, and what was summed so far is scaled
// down when a better match is found, so that nothing overflows.
@group(0) @binding(0) var<storage, read> queries: array<f32>;
@group(0) @binding(1) var<storage, read> keys: array<f32>;
@group(0) @binding(2) var<storage, read> values: array<f32>;
// The first key that a query sees, and how many.
@group(0) @binding(3) var<storage, read> seen: array<vec2<u32>>;
@group(0) @binding(4) var<storage, read_write> out: array<f32>;
// Columns of a head, of the queries, of the keys; heads that share keys.
@group(0) @binding(5) var<uniform> sizes: vec4<u32>;

var<workgroup> query: array<f32, 128>;
var<workgroup> scores: array<f32, 128>;

@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let own = group.x * sizes.y + group.y * sizes.x;
    let column = group.y / sizes.w * sizes.x;
    let scale = 1.0 / sqrt(f32(sizes.x));
    if lane < sizes.x {
        query[lane] = queries[own + lane];
    }
    workgroupBarrier();
    let first = seen[group.x].x;
    let count = seen[group.x].y;
    var most = -3.0e38;
    var total = 0.0;
    var sum = 0.0;
    for (var start = 0u; start < count; start += 128u) {
        let here = min(128u, count - start);
        var score = -3.0e38;
        if lane < here {
            let key = (first + start + lane) * sizes.z + column;
            score = 0.0;
            for (var i = 0u; i < sizes.x; i++) {
                score += query[i] * keys[key + i];
            }
            score *= scale;
        }
        scores[lane] = score;
        workgroupBarrier();
        var top = most;
        for (var i = 0u; i < here; i++) {
            top = max(top, scores[i]);
        }
        workgroupBarrier();
        scores[lane] = exp(score - top);
        workgroupBarrier();
        let kept = exp(most - top);
        sum *= kept;
        total *= kept;
        for (var i = 0u; i < here; i++) {
            total += scores[i];
            if lane < sizes.x {
                sum += scores[i] * values[(first + start + i) * sizes.z + column + lane];
            }
        }
        most = top;
        workgroupBarrier();
    }
    if lane < sizes.x {
        out[own + lane] = sum / total;
    }
}
