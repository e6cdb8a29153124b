# cython: language_level=3, cdivision=True
"""What the ears compute in each block, compiled: `linear_canceller` in one call for thirty of numpy.

Complex numbers lie in two arrays, real and imaginary parts, so that the compiler uses vectors. Two
real signals share a transform: one is the real part of its input, the other the imaginary part.
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from libc.math cimport M_PI, cos, lrintf, sin
from libc.string cimport memcpy, memset

import numpy as np

from pipeline.ears import linear_canceller as plain
from pipeline.ears.blocks import Cancelled
from pipeline.pcm import BLOCK_SAMPLES

cdef enum:
    SIZE = 240  # of a block
    WINDOW = 2 * SIZE
    BINS = SIZE + 1
    ROW = 248  # of a partition's bins, rounded up to whole vectors
    PARTITIONS = 20
    STAGES = 5
    MOST_PIECES = 5

if (SIZE, PARTITIONS) != (BLOCK_SAMPLES, plain.PARTITIONS):
    raise ImportError("the kernel was compiled for blocks or partitions of another size")

cdef int[STAGES] RADICES = [4, 4, 5, 3, 2]

cdef float FULL_SCALE = 32_768
cdef float NOTHING = 1e-12
"""The power of a bin without sound: a step of PCM16 has ten thousand times as much."""
cdef float KEPT = plain.KEPT
cdef float FORGETTING = plain.FORGETTING
cdef float ERROR_SMOOTHING = plain.ERROR_SMOOTHING
cdef float STATE_GAIN = plain.STATE_GAIN
cdef float POWER_FLOOR = plain.POWER_FLOOR
cdef float UNCERTAINTY_FLOOR = plain.UNCERTAINTY_FLOOR
cdef int CONSTRAINED_PARTITIONS = plain.CONSTRAINED_PARTITIONS
cdef int BLOCKS_PER_CONSTRAINT = plain.BLOCKS_PER_CONSTRAINT
cdef int BLOCKS_PER_SPREAD = plain.BLOCKS_PER_SPREAD


cdef class Transform:
    """A complex Fourier transform of 480 points, in Stockham's order: nothing is sorted."""

    cdef float roots_re[STAGES][MOST_PIECES]
    cdef float roots_im[STAGES][MOST_PIECES]
    cdef float turns_re[STAGES][WINDOW]
    cdef float turns_im[STAGES][WINDOW]
    cdef float summed_re[MOST_PIECES][SIZE]
    cdef float summed_im[MOST_PIECES][SIZE]
    cdef float across_re[SIZE]
    cdef float across_im[SIZE]
    cdef float spare_re[WINDOW]
    cdef float spare_im[WINDOW]

    def __cinit__(self):
        cdef Py_ssize_t points = WINDOW, stage, q, r, at
        for stage in range(STAGES):
            for r in range(RADICES[stage]):
                self.roots_re[stage][r] = cos(2 * M_PI * r / RADICES[stage])
                self.roots_im[stage][r] = -sin(2 * M_PI * r / RADICES[stage])
            for q in range(points // RADICES[stage]):
                for r in range(RADICES[stage]):
                    at = q * RADICES[stage] + r
                    self.turns_re[stage][at] = cos(2 * M_PI * q * r / points)
                    self.turns_im[stage][at] = -sin(2 * M_PI * q * r / points)
            points //= RADICES[stage]

    cdef void run(self, float *re, float *im) noexcept:
        """Transform in place. With `re` and `im` swapped: back, and 480 times too large."""
        cdef float *from_re = re
        cdef float *from_im = im
        cdef float *to_re = self.spare_re
        cdef float *to_im = self.spare_im
        cdef Py_ssize_t points = WINDOW, stride = 1, stage, radix, r
        for stage in range(STAGES):
            radix = RADICES[stage]
            points //= radix
            self.add_up(from_re, from_im, stage)
            for r in range(radix):
                self.turn(to_re, to_im, stage, points, stride, r)
            from_re, to_re = to_re, from_re
            from_im, to_im = to_im, from_im
            stride *= radix
        memcpy(re, self.spare_re, sizeof(self.spare_re))  # where an odd number of stages ends
        memcpy(im, self.spare_im, sizeof(self.spare_im))

    cdef void add_up(self, const float *re, const float *im, Py_ssize_t stage) noexcept:
        """Add up the pieces of a signal, each turned by 0, 1, 2 ... steps more than the one before."""
        if RADICES[stage] == 2:
            self.add_up_two(re, im)
        elif RADICES[stage] == 4:
            self.add_up_four(re, im)
        else:
            self.add_up_odd(re, im, stage)

    cdef void add_up_two(self, const float *re, const float *im) noexcept:
        cdef Py_ssize_t t
        for t in range(SIZE):
            self.summed_re[0][t] = re[t] + re[SIZE + t]
            self.summed_im[0][t] = im[t] + im[SIZE + t]
            self.summed_re[1][t] = re[t] - re[SIZE + t]
            self.summed_im[1][t] = im[t] - im[SIZE + t]

    cdef void add_up_four(self, const float *re, const float *im) noexcept:
        cdef Py_ssize_t count = WINDOW // 4, t
        cdef float even_re, even_im, odd_re, odd_im
        for t in range(count):
            even_re = re[t] + re[2 * count + t]
            even_im = im[t] + im[2 * count + t]
            odd_re = re[count + t] + re[3 * count + t]
            odd_im = im[count + t] + im[3 * count + t]
            self.summed_re[0][t] = even_re + odd_re
            self.summed_im[0][t] = even_im + odd_im
            self.summed_re[2][t] = even_re - odd_re
            self.summed_im[2][t] = even_im - odd_im
            even_re = re[t] - re[2 * count + t]
            even_im = im[t] - im[2 * count + t]
            odd_re = re[count + t] - re[3 * count + t]
            odd_im = im[count + t] - im[3 * count + t]
            self.summed_re[1][t] = even_re + odd_im
            self.summed_im[1][t] = even_im - odd_re
            self.summed_re[3][t] = even_re - odd_im
            self.summed_im[3][t] = even_im + odd_re

    cdef void add_up_odd(self, const float *re, const float *im, Py_ssize_t stage) noexcept:
        """Pieces as far from the first, forwards and backwards, are turned by opposite angles."""
        cdef Py_ssize_t radix = RADICES[stage], count = WINDOW // radix, r, j, t, ahead, behind
        cdef float *even_re
        cdef float *even_im
        cdef float a, b
        for r in range(radix // 2 + 1):
            even_re, even_im = self.summed_re[r], self.summed_im[r]
            memcpy(even_re, re, count * sizeof(float))
            memcpy(even_im, im, count * sizeof(float))
            memset(self.across_re, 0, count * sizeof(float))
            memset(self.across_im, 0, count * sizeof(float))
            for j in range(1, radix // 2 + 1):
                a = self.roots_re[stage][j * r % radix]
                b = self.roots_im[stage][j * r % radix]
                ahead, behind = j * count, (radix - j) * count
                for t in range(count):
                    even_re[t] += a * (re[ahead + t] + re[behind + t])
                    even_im[t] += a * (im[ahead + t] + im[behind + t])
                    self.across_re[t] -= b * (im[ahead + t] - im[behind + t])
                    self.across_im[t] += b * (re[ahead + t] - re[behind + t])
            if r:
                for t in range(count):
                    self.summed_re[radix - r][t] = even_re[t] - self.across_re[t]
                    self.summed_im[radix - r][t] = even_im[t] - self.across_im[t]
                    even_re[t] += self.across_re[t]
                    even_im[t] += self.across_im[t]

    cdef void turn(
        self, float *to_re, float *to_im,
        Py_ssize_t stage, Py_ssize_t points, Py_ssize_t stride, Py_ssize_t r,
    ) noexcept:
        """Turn what was added up, and put it where the next stage takes it from."""
        cdef Py_ssize_t radix = RADICES[stage], q, t, at
        cdef const float *from_re
        cdef const float *from_im
        cdef float a, b
        for q in range(points):
            a = self.turns_re[stage][q * radix + r]
            b = self.turns_im[stage][q * radix + r]
            at = (q * radix + r) * stride
            from_re = &self.summed_re[r][q * stride]
            from_im = &self.summed_im[r][q * stride]
            for t in range(stride):
                to_re[at + t] = a * from_re[t] - b * from_im[t]
                to_im[at + t] = a * from_im[t] + b * from_re[t]


cdef struct Spectrum:
    float re[ROW]
    float im[ROW]


cdef void drop_nothing(Spectrum *spectrum) noexcept:
    """Set to 0 what two signals leave of each other: products of it are slow as denormal numbers."""
    cdef Py_ssize_t k
    cdef float kept
    for k in range(BINS):
        kept = spectrum.re[k] * spectrum.re[k] + spectrum.im[k] * spectrum.im[k] > NOTHING
        spectrum.re[k] *= kept
        spectrum.im[k] *= kept


cdef class LinearCanceller:
    """As `linear_canceller.LinearCanceller`."""

    cdef Transform transform
    cdef Spectrum spectra[PARTITIONS]
    cdef Spectrum weights[PARTITIONS]
    cdef float uncertainty[PARTITIONS][ROW]
    cdef float process_noise[PARTITIONS][ROW]
    cdef float weight_powers[PARTITIONS + 2][ROW]
    cdef float error_power[ROW]
    cdef float changed[PARTITIONS]
    cdef Spectrum summed
    cdef Spectrum error
    cdef Spectrum gain
    cdef Spectrum pushed
    cdef float inverse[ROW]
    cdef float expected[ROW]
    cdef float time_re[WINDOW]
    cdef float time_im[WINDOW]
    cdef float latest_reference[SIZE]
    cdef Py_ssize_t newest
    cdef long blocks

    def __cinit__(self):
        cdef Py_ssize_t p, k
        self.transform = Transform()
        decay = np.exp(-np.arange(PARTITIONS) / plain.INITIAL_DECAY_PARTITIONS)
        for p in range(PARTITIONS):
            for k in range(BINS):
                self.uncertainty[p][k] = decay[p]
                self.process_noise[p][k] = UNCERTAINTY_FLOOR
        for k in range(BINS):
            self.error_power[k] = plain.INITIAL_ERROR_POWER

    def cancel(self, microphone, reference):
        """Return the next 240 samples of `microphone` less the echo, as a `Cancelled`."""
        cdef short near_samples[SIZE]
        cdef short far_samples[SIZE]
        cdef float residual[SIZE]
        cdef short cleaned[SIZE]
        cdef float near, far, echo, left
        cdef float near_power = 0, far_power = 0, echo_power = 0, residual_power = 0
        cdef Py_ssize_t t
        take_block(microphone, near_samples)
        take_block(reference, far_samples)
        self.estimate_echo()
        for t in range(SIZE):
            near = near_samples[t] / FULL_SCALE
            far = far_samples[t] / FULL_SCALE
            echo = self.time_re[SIZE + t] / WINDOW
            left = near - echo
            near_power += near * near
            far_power += far * far
            echo_power += echo * echo
            residual_power += left * left
            residual[t] = left
            self.time_re[t] = self.latest_reference[t]
            self.time_re[SIZE + t] = self.latest_reference[t] = far
            self.time_im[t] = 0
            self.time_im[SIZE + t] = left
        for t in range(SIZE):
            cleaned[t] = lrintf(min(max(residual[t] * FULL_SCALE, -FULL_SCALE), FULL_SCALE - 1))
        self.forward(&self.pushed, &self.error)
        drop_nothing(&self.pushed)
        drop_nothing(&self.error)
        self.learn(KEPT if residual_power > near_power else 1)
        self.push_reference()
        return tuple.__new__(Cancelled, (
            np.frombuffer((<char *>residual)[:sizeof(residual)], np.float32),
            np.frombuffer((<char *>cleaned)[:sizeof(cleaned)], np.int16),
            near_power / SIZE, far_power / SIZE, echo_power / SIZE, residual_power / SIZE,
        ))

    def reference_moved(self, Py_ssize_t later_blocks, references):
        """As `linear_canceller.LinearCanceller.reference_moved`."""
        cdef short far_samples[SIZE]
        cdef Py_ssize_t p, t
        order = range(PARTITIONS) if later_blocks > 0 else range(PARTITIONS - 1, -1, -1)
        for p in order:
            self.take_partition(p, p + later_blocks)
        for reference in references:
            take_block(reference, far_samples)
            for t in range(SIZE):
                self.time_re[t] = self.latest_reference[t]
                self.time_re[SIZE + t] = self.latest_reference[t] = far_samples[t] / FULL_SCALE
            memset(self.time_im, 0, sizeof(self.time_im))
            self.forward(&self.pushed, &self.error)
            drop_nothing(&self.pushed)
            self.push_reference()

    cdef void take_partition(self, Py_ssize_t to, Py_ssize_t source) noexcept:
        """Copy what was learnt; beyond the ends no echo is known, and as little for certain."""
        cdef Py_ssize_t kept = min(max(source, 0), PARTITIONS - 1)
        memcpy(self.uncertainty[to], self.uncertainty[kept], sizeof(self.uncertainty[to]))
        if kept == source:
            self.weights[to] = self.weights[source]
        else:
            memset(&self.weights[to], 0, sizeof(Spectrum))

    cdef void push_reference(self) noexcept:
        self.newest = (self.newest - 1 + PARTITIONS) % PARTITIONS
        self.spectra[self.newest] = self.pushed

    cdef void estimate_echo(self) noexcept:
        """Fill `time_re` with the echo, 480 times too large, and set `expected`, its error's power."""
        cdef Py_ssize_t p, k
        cdef Spectrum *x
        cdef Spectrum *w
        cdef Spectrum *out = &self.summed
        cdef float *u
        cdef float *expected = self.expected
        memset(out, 0, sizeof(Spectrum))
        memset(expected, 0, sizeof(self.expected))
        for p in range(PARTITIONS):
            x = &self.spectra[(self.newest + p) % PARTITIONS]
            w = &self.weights[p]
            u = self.uncertainty[p]
            for k in range(BINS):
                out.re[k] += x.re[k] * w.re[k] - x.im[k] * w.im[k]
                out.im[k] += x.re[k] * w.im[k] + x.im[k] * w.re[k]
                expected[k] += (x.re[k] * x.re[k] + x.im[k] * x.im[k]) * u[k]
        self.backward(out, NULL)

    cdef void forward(self, Spectrum *first, Spectrum *second) noexcept:
        """Transform the two signals in `time_re` and `time_im`."""
        cdef Py_ssize_t k
        cdef float *re = self.time_re
        cdef float *im = self.time_im
        self.transform.run(re, im)
        first.re[0] = re[0]
        first.im[0] = 0
        second.re[0] = im[0]
        second.im[0] = 0
        for k in range(1, BINS):
            first.re[k] = (re[k] + re[WINDOW - k]) / 2
            first.im[k] = (im[k] - im[WINDOW - k]) / 2
            second.re[k] = (im[k] + im[WINDOW - k]) / 2
            second.im[k] = (re[WINDOW - k] - re[k]) / 2

    cdef void backward(self, Spectrum *first, Spectrum *second) noexcept:
        """Fill `time_re` and, if there is a second one, `time_im`; both 480 times too large."""
        cdef Py_ssize_t k
        cdef float *re = self.time_re
        cdef float *im = self.time_im
        first.im[0] = first.im[SIZE] = 0
        for k in range(BINS):
            re[k] = first.re[k]
            im[k] = first.im[k]
        for k in range(1, SIZE):
            re[WINDOW - k] = first.re[k]
            im[WINDOW - k] = -first.im[k]
        if second is not NULL:
            second.im[0] = second.im[SIZE] = 0
            for k in range(BINS):
                re[k] -= second.im[k]
                im[k] += second.re[k]
            for k in range(1, SIZE):
                re[WINDOW - k] += second.im[k]
                im[WINDOW - k] += second.re[k]
        self.transform.run(im, re)

    cdef void learn(self, float kept) noexcept:
        cdef bint constrains
        self.blocks += 1
        constrains = self.blocks % BLOCKS_PER_CONSTRAINT == 0
        self.set_gain()
        self.update(kept, constrains)
        if constrains:
            self.constrain_most_changed()
        if self.blocks % BLOCKS_PER_SPREAD == 0:
            self.spread_process_noise()

    cdef void set_gain(self) noexcept:
        """Set `inverse`, and `gain` to the error times it."""
        cdef Py_ssize_t k
        cdef float power, smoothed
        for k in range(BINS):
            power = self.error.re[k] * self.error.re[k] + self.error.im[k] * self.error.im[k]
            smoothed = ERROR_SMOOTHING * self.error_power[k]
            smoothed += (1 - ERROR_SMOOTHING) * power + POWER_FLOOR
            self.error_power[k] = smoothed
            # The sudden error of near speech counts in full, or its onset would spoil the weights.
            self.inverse[k] = 1 / (STATE_GAIN * self.expected[k] + max(smoothed, power))
            self.gain.re[k] = self.error.re[k] * self.inverse[k]
            self.gain.im[k] = self.error.im[k] * self.inverse[k]

    cdef void update(self, float kept, bint notes_changes) noexcept:
        cdef Py_ssize_t p, k
        cdef Spectrum *x
        cdef Spectrum *w
        cdef Spectrum *g = &self.gain
        cdef float *u
        cdef float *noise
        cdef float *inverse = self.inverse
        cdef float re, im, power, changed
        for p in range(PARTITIONS):
            x = &self.spectra[(self.newest + p) % PARTITIONS]
            w = &self.weights[p]
            u = self.uncertainty[p]
            noise = self.process_noise[p]
            changed = 0
            for k in range(BINS):
                re = (x.re[k] * g.re[k] + x.im[k] * g.im[k]) * u[k]
                im = (x.re[k] * g.im[k] - x.im[k] * g.re[k]) * u[k]
                w.re[k] = kept * w.re[k] + re
                w.im[k] = kept * w.im[k] + im
                changed += re * re + im * im
                # Never negative: the gain times the spectrum is at most 1 / `STATE_GAIN`.
                power = (x.re[k] * x.re[k] + x.im[k] * x.im[k]) * u[k] * inverse[k]
                u[k] = u[k] * FORGETTING * (1 - STATE_GAIN * power) + noise[k]
            if notes_changes:
                self.changed[p] += changed

    cdef void constrain_most_changed(self) noexcept:
        """Cut the impulse responses of those partitions to the length of a block."""
        cdef Py_ssize_t n, k, first, second
        for n in range(CONSTRAINED_PARTITIONS // 2):
            first = self.take_most_changed()
            second = self.take_most_changed()
            self.backward(&self.weights[first], &self.weights[second])
            for k in range(SIZE):
                self.time_re[k] /= WINDOW
                self.time_im[k] /= WINDOW
            memset(self.time_re + SIZE, 0, SIZE * sizeof(float))
            memset(self.time_im + SIZE, 0, SIZE * sizeof(float))
            self.forward(&self.weights[first], &self.weights[second])
        for n in range(PARTITIONS):
            self.changed[n] = max(self.changed[n], 0)

    cdef int take_most_changed(self) noexcept:
        cdef Py_ssize_t p, most = 0
        for p in range(PARTITIONS):
            if self.changed[p] > self.changed[most]:
                most = p
        self.changed[most] = -1  # not again, for this group
        return most

    cdef void spread_process_noise(self) noexcept:
        """Keep partitions ready whose neighbours are in use: paths drift across their borders."""
        cdef Py_ssize_t p, k
        cdef Spectrum *w
        cdef float *noise
        cdef float mean
        for p in range(PARTITIONS):
            w = &self.weights[p]
            for k in range(BINS):
                self.weight_powers[p + 1][k] = w.re[k] * w.re[k] + w.im[k] * w.im[k]
        for p in range(PARTITIONS):
            noise = self.process_noise[p]
            mean = 0
            for k in range(BINS):
                noise[k] = (
                    self.weight_powers[p][k] + self.weight_powers[p + 1][k]
                    + self.weight_powers[p + 2][k]
                )
                mean += noise[k]
            mean /= BINS
            for k in range(BINS):
                noise[k] = max(noise[k], mean) * (1 - FORGETTING) + UNCERTAINTY_FLOOR


def peak(samples):
    """As `pipeline.pcm.peak`, of one block."""
    cdef short block[SIZE]
    cdef Py_ssize_t t, highest = 0
    take_block(samples, block)
    for t in range(SIZE):
        highest = max(highest, abs(<int>block[t]))
    return highest


def scaled(samples, float begin, float end):
    """As `pipeline.ears.blocks.scaled`, of one block."""
    cdef short block[SIZE]
    cdef float step = (end - begin) / (SIZE - 1)
    cdef Py_ssize_t t
    take_block(samples, block)
    for t in range(SIZE):
        block[t] = <short>(block[t] * (begin + t * step))
    return np.frombuffer((<char *>block)[:sizeof(block)], np.int16)


cdef int take_block(object samples, short *to) except -1:
    """Copy the 240 samples of an array."""
    cdef Py_buffer view
    PyObject_GetBuffer(samples, &view, PyBUF_SIMPLE)
    try:
        if view.len != SIZE * sizeof(short):
            raise ValueError(f"a block holds {SIZE} samples of 16 bits, not {view.len} bytes")
        memcpy(to, view.buf, view.len)
    finally:
        PyBuffer_Release(&view)
    return 0
