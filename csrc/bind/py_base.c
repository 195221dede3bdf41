/* py_base.c: build information, random planes, packed bits. */
#include "rgb_common.h"

#include <float.h>

#include "rg_bits.h"
#include "rg_dispatch.h"
#include "rg_draw.h"
#include "rg_math.h"
#include "rg_rng.h"

PyDoc_STRVAR(build_info_doc, "build_info($module, /)\n--\n\n"
                             "Instruction set in use, those available, compiler.");

static PyObject *build_info(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {NULL};
    (void)module;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, ":build_info", keywords)) {
        return NULL;
    }
    static const char *const names[] = {"portable", "avx2", "avx512"};
    PyObject *available = PyList_New(0);
    for (size_t i = 0; available != NULL && i < sizeof names / sizeof names[0]; i++) {
        if (rg_kernels_named(names[i]) == NULL) {
            continue;
        }
        PyObject *name = PyUnicode_FromString(names[i]);
        if (name == NULL || PyList_Append(available, name) < 0) {
            Py_CLEAR(available);
        }
        Py_XDECREF(name);
    }
    if (available == NULL) {
        return NULL;
    }
    return Py_BuildValue("{s:s,s:N,s:s}", "simd", rg_kernels()->name, "simd_available", available,
                         "compiler",
#ifdef __clang__
                         "clang " __clang_version__
#else
                         "gcc " __VERSION__
#endif
    );
}

PyDoc_STRVAR(set_simd_doc, "set_simd($module, /, name)\n--\n\n"
                           "Choose the kernels by name, for tests and benchmarks. Not for use\n"
                           "while another thread is inside a call.");

static PyObject *set_simd(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"name", NULL};
    const char *name = NULL;
    (void)module;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "s:set_simd", keywords, &name)) {
        return NULL;
    }
    int ret = rg_dispatch_init(name);
    if (ret != RG_OK) {
        PyErr_Format(PyExc_ValueError, "%s; got %s", rg_strerror(ret), name);
        return NULL;
    }
    Py_RETURN_NONE;
}

/* Arguments of the functions that draw n things from a fresh stream. */
static int take_stream(PyObject *args, PyObject *kwargs, const char *format, rg_stream_t *stream,
                       size_t *n)
{
    static char *keywords[] = {"key", "purpose", "index", "n", NULL};
    uint64_t key[4];
    unsigned long long purpose = 0;
    unsigned long long index = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, format, keywords, rgb_convert_key, key, &purpose,
                                     &index, rgb_convert_size, n)) {
        return -1;
    }
    rg_stream_init(stream, key, purpose, index);
    return 0;
}

PyDoc_STRVAR(stream_planes_doc, "stream_planes($module, /, key, purpose, index, n)\n--\n\n"
                                "The first n planes of a stream, uint64 (n, 8).");

static PyObject *stream_planes(PyObject *module, PyObject *args, PyObject *kwargs)
{
    rg_stream_t stream;
    size_t n = 0;
    (void)module;
    if (take_stream(args, kwargs, "O&KKO&:stream_planes", &stream, &n) < 0) {
        return NULL;
    }
    npy_intp shape[] = {(npy_intp)n, RG_LANES};
    PyObject *planes = PyArray_SimpleNew(2, shape, NPY_UINT64);
    if (planes != NULL) {
        rg_kernels()->stream_planes(&stream, n, PyArray_DATA((PyArrayObject *)planes));
    }
    return planes;
}

PyDoc_STRVAR(biased_planes_doc, "biased_planes($module, /, key, purpose, index, n, p)\n--\n\n"
                                "n planes whose bits are 1 with probability p, uint64 (n, 8).");

static PyObject *biased_planes(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"key", "purpose", "index", "n", "p", NULL};
    uint64_t key[4];
    unsigned long long purpose = 0;
    unsigned long long index = 0;
    size_t n = 0;
    double p = 0.0;
    (void)module;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O&KKO&d:biased_planes", keywords,
                                     rgb_convert_key, key, &purpose, &index, rgb_convert_size, &n,
                                     &p)) {
        return NULL;
    }
    if (!(p >= 0.0 && p <= 1.0)) {
        PyObject *value = PyFloat_FromDouble(p);
        PyErr_Format(PyExc_ValueError, "p must be in [0, 1], got %S", value);
        Py_XDECREF(value);
        return NULL;
    }
    npy_intp shape[] = {(npy_intp)n, RG_LANES};
    PyObject *planes = PyArray_SimpleNew(2, shape, NPY_UINT64);
    if (planes != NULL) {
        uint64_t *data = PyArray_DATA((PyArrayObject *)planes);
        rg_stream_t stream;
        rg_stream_init(&stream, key, purpose, index);
        for (size_t i = 0; i < n; i++) {
            rg_stream_biased_plane(&stream, p, &data[i * RG_LANES]);
        }
    }
    return planes;
}

PyDoc_STRVAR(normals_doc, "normals($module, /, key, purpose, index, n)\n--\n\n"
                          "n standard normal deviates, float64.");

static PyObject *normals(PyObject *module, PyObject *args, PyObject *kwargs)
{
    rg_stream_t stream;
    size_t n = 0;
    (void)module;
    if (take_stream(args, kwargs, "O&KKO&:normals", &stream, &n) < 0) {
        return NULL;
    }
    npy_intp shape[] = {(npy_intp)n};
    PyObject *out = PyArray_SimpleNew(1, shape, NPY_FLOAT64);
    if (out != NULL) {
        rg_draw_normals(&stream, n, PyArray_DATA((PyArrayObject *)out));
    }
    return out;
}

PyDoc_STRVAR(permutation_doc, "permutation($module, /, key, purpose, index, n)\n--\n\n"
                              "A uniform permutation of 0 .. n-1, uint32.");

static PyObject *permutation(PyObject *module, PyObject *args, PyObject *kwargs)
{
    rg_stream_t stream;
    size_t n = 0;
    (void)module;
    if (take_stream(args, kwargs, "O&KKO&:permutation", &stream, &n) < 0) {
        return NULL;
    }
    if (n > UINT32_MAX) {
        return PyErr_Format(PyExc_ValueError, "n must be below 2^32, got %zu", n);
    }
    npy_intp shape[] = {(npy_intp)n};
    PyObject *out = PyArray_SimpleNew(1, shape, NPY_UINT32);
    if (out != NULL) {
        rg_draw_permutation(&stream, n, PyArray_DATA((PyArrayObject *)out));
    }
    return out;
}

PyDoc_STRVAR(pack_doc, "pack($module, /, values, low)\n--\n\n"
                       "Bits of an int8 array (n, units) of `low` and 1: uint64 (n, words).");

static PyObject *pack(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"values", "low", NULL};
    PyObject *object = NULL;
    int low = 0;
    (void)module;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "Oi:pack", keywords, &object, &low)) {
        return NULL;
    }
    PyArrayObject *values = rgb_array(object, "values", NPY_INT8, 2, false);
    if (values == NULL) {
        return NULL;
    }
    size_t n_rows = (size_t)PyArray_DIM(values, 0);
    size_t n = (size_t)PyArray_DIM(values, 1);
    npy_intp shape[] = {PyArray_DIM(values, 0), (npy_intp)rg_bits_words(n)};
    PyObject *bits = PyArray_SimpleNew(2, shape, NPY_UINT64);
    if (bits == NULL) {
        return NULL;
    }
    int ret = rg_bits_pack(PyArray_DATA(values), n_rows, n, (int8_t)low, 1,
                           PyArray_DATA((PyArrayObject *)bits));
    if (ret != RG_OK) {
        Py_DECREF(bits);
        return rgb_raise(ret);
    }
    return bits;
}

PyDoc_STRVAR(unpack_doc, "unpack($module, /, bits, n, low)\n--\n\n"
                         "The inverse of pack: int8 (rows, n) of `low` and 1.");

static PyObject *unpack(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"bits", "n", "low", NULL};
    PyObject *object = NULL;
    size_t n = 0;
    int low = 0;
    (void)module;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO&i:unpack", keywords, &object,
                                     rgb_convert_size, &n, &low)) {
        return NULL;
    }
    PyArrayObject *bits = rgb_array(object, "bits", NPY_UINT64, 2, false);
    if (bits == NULL) {
        return NULL;
    }
    if ((size_t)PyArray_DIM(bits, 1) != rg_bits_words(n)) {
        return PyErr_Format(PyExc_ValueError,
                            "bits must have %zu words per row for n = %zu, got %zd",
                            rg_bits_words(n), n, (Py_ssize_t)PyArray_DIM(bits, 1));
    }
    npy_intp shape[] = {PyArray_DIM(bits, 0), (npy_intp)n};
    PyObject *values = PyArray_SimpleNew(2, shape, NPY_INT8);
    if (values != NULL) {
        rg_bits_unpack(PyArray_DATA(bits), (size_t)shape[0], n, (int8_t)low, 1,
                       PyArray_DATA((PyArrayObject *)values));
    }
    return values;
}

PyDoc_STRVAR(logarithm_doc, "logarithm($module, /, x)\n--\n\n"
                            "ln x of a positive float64 array, the same bits on every machine.");

static PyObject *logarithm(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"x", NULL};
    PyObject *object = NULL;
    (void)module;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O:logarithm", keywords, &object)) {
        return NULL;
    }
    PyArrayObject *x = rgb_array(object, "x", NPY_FLOAT64, -1, false);
    PyObject *out = x ? PyArray_SimpleNew(PyArray_NDIM(x), PyArray_DIMS(x), NPY_FLOAT64) : NULL;
    if (out != NULL) {
        const double *from = PyArray_DATA(x);
        double *to = PyArray_DATA((PyArrayObject *)out);
        for (npy_intp i = 0; i < PyArray_SIZE(x); i++) {
            if (!(from[i] >= DBL_MIN && from[i] <= DBL_MAX)) {
                Py_DECREF(out);
                PyErr_SetString(PyExc_ValueError, "x must be positive, normal and finite");
                return NULL;
            }
            to[i] = rg_log(from[i]);
        }
    }
    return out;
}

PyDoc_STRVAR(stream_states_doc,
             "stream_states($module, /, key, purpose, first, n)\n--\n\n"
             "Fresh states of the streams first .. first + n - 1, uint64 (n, 4, 8).");

static PyObject *stream_states(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"key", "purpose", "first", "n", NULL};
    uint64_t key[4];
    size_t purpose = 0, first = 0, n = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O&O&O&O&:stream_states", names, rgb_convert_key,
                                     key, rgb_convert_size, &purpose, rgb_convert_size, &first,
                                     rgb_convert_size, &n)) {
        return NULL;
    }
    npy_intp shape[] = {(npy_intp)n, 4, RG_LANES};
    PyObject *states = PyArray_SimpleNew(3, shape, NPY_UINT64);
    if (states == NULL) {
        return NULL;
    }
    char *out = PyArray_DATA((PyArrayObject *)states);
    for (size_t i = 0; i < n; i++) {
        rg_stream_t stream;
        rg_stream_init(&stream, key, purpose, first + i);
        memcpy(out + i * sizeof stream, &stream, sizeof stream);
    }
    return states;
}

PyMethodDef rgb_base_methods[] = {
    RGB_METHOD("build_info", build_info, build_info_doc),
    RGB_METHOD("set_simd", set_simd, set_simd_doc),
    RGB_METHOD("stream_planes", stream_planes, stream_planes_doc),
    RGB_METHOD("biased_planes", biased_planes, biased_planes_doc),
    RGB_METHOD("normals", normals, normals_doc),
    RGB_METHOD("logarithm", logarithm, logarithm_doc),
    RGB_METHOD("permutation", permutation, permutation_doc),
    RGB_METHOD("pack", pack, pack_doc),
    RGB_METHOD("unpack", unpack, unpack_doc),
    RGB_METHOD("stream_states", stream_states, stream_states_doc),
    {NULL, NULL, 0, NULL},
};
