;; The canary: an actor with one method, which answers what it is given. A host
;; makes one and calls it to see that it can work. `build.rs` makes a component
;; of it, by the contract in wit/.
(module
  ;; 1024: package-info: sdk, classes, driver (none).
  ;; 1088: class-info: name, docs, params, methods; the rest, all zero, is no
  ;;       option given and one call at a time, whatever options there are.
  ;; 2048: method-info: name, docs, params, returns, fails (none).
  ;; 2112: the names. 2304: the answer of construct and run, all zero: ok.
  ;; 2336: the answer of invoke: ok, of a plain value.
  ;; From 4096: what the host gives.
  (memory (export "memory") 2)
  (data (i32.const 1024) "\40\08\00\00\06\00\00\00\40\04\00\00\01\00\00\00")
  (data (i32.const 1088) "\40\08\00\00\06\00\00\00")
  (data (i32.const 1112) "\00\08\00\00\01\00\00\00")
  (data (i32.const 2048) "\46\08\00\00\04\00\00\00")
  (data (i32.const 2112) "canaryecho")
  (global $free (mut i32) (i32.const 4096))

  ;; Never gives back: an instance is called once.
  (func (export "cabi_realloc") (param $old i32) (param $old_size i32) (param $align i32) (param $size i32) (result i32)
    (local $at i32)
    (local.set $at
      (i32.and
        (i32.add (global.get $free) (i32.sub (local.get $align) (i32.const 1)))
        (i32.sub (i32.const 0) (local.get $align))))
    (global.set $free (i32.add (local.get $at) (local.get $size)))
    (local.get $at))

  (func (export "greenroom:actor/guest@0.1.0#describe") (result i32)
    (i32.const 1024))

  (func (export "greenroom:actor/guest@0.1.0#construct")
    (param $class i32) (param $class_bytes i32)
    (param $kind i32) (param $bytes i32) (param $count i32)
    (param i32 i32 i32 i32 i32 i32)
    (result i32)
    (i32.const 2304))

  (func (export "greenroom:actor/guest@0.1.0#invoke")
    (param $method i32)
    (param $kind i32) (param $bytes i32) (param $count i32)
    (param i32 i32 i32 i32 i32 i32)
    (result i32)
    (i32.store (i32.const 2344) (local.get $bytes))
    (i32.store (i32.const 2348) (local.get $count))
    (i32.const 2336))

  (func (export "greenroom:actor/guest@0.1.0#run") (param i32 i32) (result i32)
    (i32.const 2304)))
