/* rgb_common.h: included first by every binding file: Python.h, NumPy, shared helpers.
 *
 * A wrapper is: parse, check, allocate, (release the GIL, one core call, retake, signals)*,
 * return. Topic files each export one method table; module.c joins them. */
#ifndef RGB_COMMON_H
#define RGB_COMMON_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <string.h>

#define PY_ARRAY_UNIQUE_SYMBOL rgdl_ARRAY_API
#ifndef RGB_IMPORTS_ARRAY_API
#define NO_IMPORT_ARRAY
#endif
#include <numpy/arrayobject.h>

#include "rg_terms.h"
#include "rg_torus.h"

extern PyMethodDef rgb_ais_methods[];
extern PyMethodDef rgb_base_methods[];
extern PyMethodDef rgb_blas_methods[];
extern PyMethodDef rgb_block_methods[];
extern PyMethodDef rgb_cluster_methods[];
extern PyMethodDef rgb_exact_methods[];
extern PyMethodDef rgb_field_methods[];
extern PyMethodDef rgb_fold_methods[];
extern PyMethodDef rgb_histogram_methods[];
extern PyMethodDef rgb_ising_methods[];
extern PyMethodDef rgb_operators_methods[];
extern PyMethodDef rgb_perfect_methods[];
extern PyMethodDef rgb_rbm_methods[];
extern PyMethodDef rgb_temper_methods[];
extern PyMethodDef rgb_terms_methods[];
extern PyMethodDef rgb_transfer_methods[];

#define RGB_METHOD(name, function, doc) \
    {name, (PyCFunction)(void (*)(void))(function), METH_VARARGS | METH_KEYWORDS, doc}

/* Set the Python exception for a negative core code (ValueError, MemoryError or
 * rgdl.errors.ConvergenceError) and return NULL. */
PyObject *rgb_raise(int code);

/* Check an array argument that is used in place or read without conversion: exact dtype (type
 * number), `ndim` (or -1 for any), C order, aligned, writeable if asked. On failure sets
 * TypeError/ValueError naming `name` and returns NULL; else the borrowed array. */
PyArrayObject *rgb_array(PyObject *object, const char *name, int type, int ndim, bool writeable);

/* "O&" converter: 4 uint64 of key into uint64_t[4]. */
int rgb_convert_key(PyObject *object, void *key);

/* "O&" converter: a strictly positive integer into size_t (sizes, counts, workers). */
int rgb_convert_count(PyObject *object, void *count);

/* "O&" converter: an integer >= 0 into size_t. */
int rgb_convert_size(PyObject *object, void *size);

/* "O&" converter: a tuple of 1 to 3 extents into rg_torus_t. */
int rgb_convert_torus(PyObject *object, void *torus);

/* Fill terms from its arrays (borrowed). Returns -1 with an exception set. */
int rgb_take_terms(rg_terms_t *terms, PyObject *sites, PyObject *starts, PyObject *values,
                   PyObject *fields);

/* Between two slices of a long call, with the GIL held: run signal handlers, then report the
 * fraction done to `progress` (a callable, or None). Returns -1 with an exception set. */
int rgb_between_slices(PyObject *progress, double fraction);

/* Seconds of a steady clock, and the budget that makes the next slice take about 30 ms. */
double rgb_seconds(void);
size_t rgb_next_budget(size_t budget, double seconds);

#endif
