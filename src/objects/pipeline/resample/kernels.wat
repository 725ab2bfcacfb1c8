;; The two passes of a resize, in integers, and the grey formula. `npm run generate:resample` writes gen/kernels.ts from it.
;;
;; A weight is a whole number of 1/2^22, split into two 16-bit parts, weight = high * 4096 + low with 0 <= low < 4096,
;; so that i32x4.dot_i16x8_s takes two taps at a time. A sum is exact in 32 bits: high and low sums are added up last,
;; with 2^21 for rounding half up, and shifted right by 22. What leaves 0 to 255 is clipped.
(module
  (memory (export "memory") 1)

  ;; (high << 12) + low + 2^21 >> 22, four lanes
  (func $level (param $high v128) (param $low v128) (result v128)
    (i32x4.shr_s
      (i32x4.add
        (i32x4.add (i32x4.shl (local.get $high) (i32.const 12)) (local.get $low))
        (v128.const i32x4 2097152 2097152 2097152 2097152))
      (i32.const 22)))

  ;; Rows of three interleaved channels. For each of `count` outputs: the first source pixel in `firsts` (i32), and `taps`
  ;; weights (a multiple of 4): for every two taps the pair of high parts, then the pair of low parts.
  ;; Reads up to 16 bytes beyond the last tap; writes one byte beyond each output pixel.
  (func (export "rgbRows")
    (param $source i32) (param $sourceStride i32) (param $target i32) (param $targetStride i32) (param $rows i32)
    (param $firsts i32) (param $weights i32) (param $taps i32) (param $count i32)
    (local $out i32) (local $at i32) (local $weight i32) (local $end i32) (local $first i32) (local $stop i32)
    (local $pixels v128) (local $pair v128) (local $high v128) (local $low v128)
    (block $done
      (loop $row
        (br_if $done (i32.eqz (local.get $rows)))
        (local.set $out (local.get $target))
        (local.set $first (local.get $firsts))
        (local.set $stop (i32.add (local.get $firsts) (i32.shl (local.get $count) (i32.const 2))))
        (local.set $weight (local.get $weights))
        (loop $pixel
          (local.set $at (i32.add (local.get $source) (i32.mul (i32.load (local.get $first)) (i32.const 3))))
          (local.set $end (i32.add (local.get $weight) (i32.shl (local.get $taps) (i32.const 2))))
          (local.set $high (v128.const i32x4 0 0 0 0))
          (local.set $low (v128.const i32x4 0 0 0 0))
          (loop $four
            (local.set $pixels (v128.load (local.get $at)))
            ;; Taps 0 and 1 of red, green and blue as 16-bit numbers: index -1 gives 0.
            (local.set $pair
              (i8x16.swizzle (local.get $pixels) (v128.const i8x16 0 -1 3 -1 1 -1 4 -1 2 -1 5 -1 -1 -1 -1 -1)))
            (local.set $high
              (i32x4.add (local.get $high) (i32x4.dot_i16x8_s (local.get $pair) (v128.load32_splat (local.get $weight)))))
            (local.set $low
              (i32x4.add (local.get $low) (i32x4.dot_i16x8_s (local.get $pair) (v128.load32_splat offset=4 (local.get $weight)))))
            ;; Taps 2 and 3.
            (local.set $pair
              (i8x16.swizzle (local.get $pixels) (v128.const i8x16 6 -1 9 -1 7 -1 10 -1 8 -1 11 -1 -1 -1 -1 -1)))
            (local.set $high
              (i32x4.add (local.get $high) (i32x4.dot_i16x8_s (local.get $pair) (v128.load32_splat offset=8 (local.get $weight)))))
            (local.set $low
              (i32x4.add (local.get $low) (i32x4.dot_i16x8_s (local.get $pair) (v128.load32_splat offset=12 (local.get $weight)))))
            (local.set $at (i32.add (local.get $at) (i32.const 12)))
            (local.set $weight (i32.add (local.get $weight) (i32.const 16)))
            (br_if $four (i32.lt_u (local.get $weight) (local.get $end))))
          (local.set $high (call $level (local.get $high) (local.get $low)))
          (local.set $high (i16x8.narrow_i32x4_s (local.get $high) (local.get $high)))
          (v128.store32_lane 0 (local.get $out) (i8x16.narrow_i16x8_u (local.get $high) (local.get $high)))
          (local.set $out (i32.add (local.get $out) (i32.const 3)))
          (local.set $first (i32.add (local.get $first) (i32.const 4)))
          (br_if $pixel (i32.lt_u (local.get $first) (local.get $stop))))
        (local.set $source (i32.add (local.get $source) (local.get $sourceStride)))
        (local.set $target (i32.add (local.get $target) (local.get $targetStride)))
        (local.set $rows (i32.sub (local.get $rows) (i32.const 1)))
        (br $row))))

  ;; Rows of one channel. `taps` is a multiple of 8: for every eight taps the high parts, then the low parts.
  (func (export "greyRows")
    (param $source i32) (param $sourceStride i32) (param $target i32) (param $targetStride i32) (param $rows i32)
    (param $firsts i32) (param $weights i32) (param $taps i32) (param $count i32)
    (local $out i32) (local $at i32) (local $weight i32) (local $end i32) (local $first i32) (local $stop i32)
    (local $pixels v128) (local $high v128) (local $low v128)
    (block $done
      (loop $row
        (br_if $done (i32.eqz (local.get $rows)))
        (local.set $out (local.get $target))
        (local.set $first (local.get $firsts))
        (local.set $stop (i32.add (local.get $firsts) (i32.shl (local.get $count) (i32.const 2))))
        (local.set $weight (local.get $weights))
        (loop $pixel
          (local.set $at (i32.add (local.get $source) (i32.load (local.get $first))))
          (local.set $end (i32.add (local.get $weight) (i32.shl (local.get $taps) (i32.const 2))))
          (local.set $high (v128.const i32x4 0 0 0 0))
          (local.set $low (v128.const i32x4 0 0 0 0))
          (loop $eight
            (local.set $pixels (v128.load8x8_u (local.get $at)))
            (local.set $high
              (i32x4.add (local.get $high) (i32x4.dot_i16x8_s (local.get $pixels) (v128.load (local.get $weight)))))
            (local.set $low
              (i32x4.add (local.get $low) (i32x4.dot_i16x8_s (local.get $pixels) (v128.load offset=16 (local.get $weight)))))
            (local.set $at (i32.add (local.get $at) (i32.const 8)))
            (local.set $weight (i32.add (local.get $weight) (i32.const 32)))
            (br_if $eight (i32.lt_u (local.get $weight) (local.get $end))))
          ;; The four partial sums into one.
          (local.set $high
            (i32x4.add (local.get $high) (i8x16.shuffle 8 9 10 11 12 13 14 15 0 1 2 3 4 5 6 7 (local.get $high) (local.get $high))))
          (local.set $high
            (i32x4.add (local.get $high) (i8x16.shuffle 4 5 6 7 0 1 2 3 12 13 14 15 8 9 10 11 (local.get $high) (local.get $high))))
          (local.set $low
            (i32x4.add (local.get $low) (i8x16.shuffle 8 9 10 11 12 13 14 15 0 1 2 3 4 5 6 7 (local.get $low) (local.get $low))))
          (local.set $low
            (i32x4.add (local.get $low) (i8x16.shuffle 4 5 6 7 0 1 2 3 12 13 14 15 8 9 10 11 (local.get $low) (local.get $low))))
          (local.set $high (call $level (local.get $high) (local.get $low)))
          (local.set $high (i16x8.narrow_i32x4_s (local.get $high) (local.get $high)))
          (v128.store8_lane 0 (local.get $out) (i8x16.narrow_i16x8_u (local.get $high) (local.get $high)))
          (local.set $out (i32.add (local.get $out) (i32.const 1)))
          (local.set $first (i32.add (local.get $first) (i32.const 4)))
          (br_if $pixel (i32.lt_u (local.get $first) (local.get $stop))))
        (local.set $source (i32.add (local.get $source) (local.get $sourceStride)))
        (local.set $target (i32.add (local.get $target) (local.get $targetStride)))
        (local.set $rows (i32.sub (local.get $rows) (i32.const 1)))
        (br $row))))

  ;; Down the columns, `bytes` (a multiple of 16) a row, whatever the channels. For each of `count` output rows: the first
  ;; source row in `firsts`, and `taps` weights (a multiple of 2), laid out as those of rgbRows.
  (func (export "columns")
    (param $source i32) (param $stride i32) (param $target i32) (param $bytes i32)
    (param $firsts i32) (param $weights i32) (param $taps i32) (param $count i32)
    (local $base i32) (local $x i32) (local $at i32) (local $weight i32) (local $end i32) (local $stop i32)
    (local $above v128) (local $below v128) (local $both v128) (local $pair v128) (local $high v128) (local $low v128)
    (local $h0 v128) (local $h1 v128) (local $h2 v128) (local $h3 v128)
    (local $l0 v128) (local $l1 v128) (local $l2 v128) (local $l3 v128)
    (local.set $stop (i32.add (local.get $firsts) (i32.shl (local.get $count) (i32.const 2))))
    (block $done
      (loop $row
        (br_if $done (i32.ge_u (local.get $firsts) (local.get $stop)))
        (local.set $base (i32.add (local.get $source) (i32.mul (i32.load (local.get $firsts)) (local.get $stride))))
        (local.set $end (i32.add (local.get $weights) (i32.shl (local.get $taps) (i32.const 2))))
        (local.set $x (i32.const 0))
        (loop $block
          (local.set $at (i32.add (local.get $base) (local.get $x)))
          (local.set $weight (local.get $weights))
          (local.set $h0 (v128.const i32x4 0 0 0 0)) (local.set $h1 (v128.const i32x4 0 0 0 0))
          (local.set $h2 (v128.const i32x4 0 0 0 0)) (local.set $h3 (v128.const i32x4 0 0 0 0))
          (local.set $l0 (v128.const i32x4 0 0 0 0)) (local.set $l1 (v128.const i32x4 0 0 0 0))
          (local.set $l2 (v128.const i32x4 0 0 0 0)) (local.set $l3 (v128.const i32x4 0 0 0 0))
          (loop $two
            (local.set $above (v128.load (local.get $at)))
            (local.set $below (v128.load (i32.add (local.get $at) (local.get $stride))))
            (local.set $high (v128.load32_splat (local.get $weight)))
            (local.set $low (v128.load32_splat offset=4 (local.get $weight)))
            (local.set $both
              (i8x16.shuffle 0 16 1 17 2 18 3 19 4 20 5 21 6 22 7 23 (local.get $above) (local.get $below)))
            (local.set $pair (i16x8.extend_low_i8x16_u (local.get $both)))
            (local.set $h0 (i32x4.add (local.get $h0) (i32x4.dot_i16x8_s (local.get $pair) (local.get $high))))
            (local.set $l0 (i32x4.add (local.get $l0) (i32x4.dot_i16x8_s (local.get $pair) (local.get $low))))
            (local.set $pair (i16x8.extend_high_i8x16_u (local.get $both)))
            (local.set $h1 (i32x4.add (local.get $h1) (i32x4.dot_i16x8_s (local.get $pair) (local.get $high))))
            (local.set $l1 (i32x4.add (local.get $l1) (i32x4.dot_i16x8_s (local.get $pair) (local.get $low))))
            (local.set $both
              (i8x16.shuffle 8 24 9 25 10 26 11 27 12 28 13 29 14 30 15 31 (local.get $above) (local.get $below)))
            (local.set $pair (i16x8.extend_low_i8x16_u (local.get $both)))
            (local.set $h2 (i32x4.add (local.get $h2) (i32x4.dot_i16x8_s (local.get $pair) (local.get $high))))
            (local.set $l2 (i32x4.add (local.get $l2) (i32x4.dot_i16x8_s (local.get $pair) (local.get $low))))
            (local.set $pair (i16x8.extend_high_i8x16_u (local.get $both)))
            (local.set $h3 (i32x4.add (local.get $h3) (i32x4.dot_i16x8_s (local.get $pair) (local.get $high))))
            (local.set $l3 (i32x4.add (local.get $l3) (i32x4.dot_i16x8_s (local.get $pair) (local.get $low))))
            (local.set $at (i32.add (local.get $at) (i32.shl (local.get $stride) (i32.const 1))))
            (local.set $weight (i32.add (local.get $weight) (i32.const 8)))
            (br_if $two (i32.lt_u (local.get $weight) (local.get $end))))
          (v128.store (i32.add (local.get $target) (local.get $x))
            (i8x16.narrow_i16x8_u
              (i16x8.narrow_i32x4_s
                (call $level (local.get $h0) (local.get $l0)) (call $level (local.get $h1) (local.get $l1)))
              (i16x8.narrow_i32x4_s
                (call $level (local.get $h2) (local.get $l2)) (call $level (local.get $h3) (local.get $l3)))))
          (local.set $x (i32.add (local.get $x) (i32.const 16)))
          (br_if $block (i32.lt_u (local.get $x) (local.get $bytes))))
        (local.set $target (i32.add (local.get $target) (local.get $bytes)))
        (local.set $weights (local.get $end))
        (local.set $firsts (i32.add (local.get $firsts) (i32.const 4)))
        (br $row))))

  ;; Three channels into one: (red * 19595 + green * 38470 + blue * 7471 + 2^15) >> 16
  (func (export "grey") (param $source i32) (param $target i32) (param $count i32)
    (local $end i32)
    (local.set $end (i32.add (local.get $target) (local.get $count)))
    (block $done
      (loop $pixel
        (br_if $done (i32.ge_u (local.get $target) (local.get $end)))
        (i32.store8 (local.get $target)
          (i32.shr_u
            (i32.add
              (i32.add
                (i32.mul (i32.load8_u (local.get $source)) (i32.const 19595))
                (i32.mul (i32.load8_u offset=1 (local.get $source)) (i32.const 38470)))
              (i32.add
                (i32.mul (i32.load8_u offset=2 (local.get $source)) (i32.const 7471))
                (i32.const 32768)))
            (i32.const 16)))
        (local.set $source (i32.add (local.get $source) (i32.const 3)))
        (local.set $target (i32.add (local.get $target) (i32.const 1)))
        (br $pixel)))))
