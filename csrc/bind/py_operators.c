/* py_operators.c: binding of rg_operators.h: sums of spin products over bit lattices. */
#include "rgb_common.h"

#include "rg_bits.h"
#include "rg_operators.h"

PyDoc_STRVAR(operator_sums_doc,
             "operator_sums($module, /, bits, n_columns, offsets, starts, owners, n_operators)\n"
             "--\n\n"
             "Sums (n, n_operators) of spin products over lattices bits (n, n_rows, words).");

/* All lattices, in slices. Returns 0, or -1 with an exception set. */
static int sum_all(rg_operators_t *set, const uint64_t *bits, size_t n, int32_t *sums)
{
    size_t budget = 1;
    for (size_t done = 0; done < n;) {
        size_t count = n - done < budget ? n - done : budget;
        double begun = rgb_seconds();
        Py_BEGIN_ALLOW_THREADS
            rg_operators_sums(set, bits + done * set->n_rows * set->words, count,
                              sums + done * set->n_operators);
        Py_END_ALLOW_THREADS
        done += count;
        budget = rgb_next_budget(budget, rgb_seconds() - begun);
        if (rgb_between_slices(NULL, 0.0) < 0) {
            return -1;
        }
    }
    return 0;
}

/* Check the description of the products. Returns their number, or 0 with an exception set. */
static size_t check_products(PyArrayObject *offsets, PyArrayObject *starts, PyArrayObject *owners)
{
    size_t n = (size_t)PyArray_DIM(owners, 0);
    const size_t *begin = PyArray_DATA(starts);
    bool good = PyArray_DIM(starts, 0) == (npy_intp)n + 1 && PyArray_DIM(offsets, 1) == 2 && n > 0;
    for (size_t p = 0; p < n && good; p++) {
        good = begin[p] <= begin[p + 1];
    }
    if (!good || begin[0] != 0 || begin[n] != (size_t)PyArray_DIM(offsets, 0)) {
        PyErr_SetString(PyExc_ValueError, "starts must cut offsets (m, 2) into one part per owner");
        return 0;
    }
    return n;
}

static PyObject *operator_sums(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"bits",   "n_columns",   "offsets", "starts",
                            "owners", "n_operators", NULL};
    PyObject *objects[4];
    size_t n_columns = 0;
    size_t n_operators = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO&OOOO&:operator_sums", names, &objects[0],
                                     rgb_convert_count, &n_columns, &objects[1], &objects[2],
                                     &objects[3], rgb_convert_count, &n_operators)) {
        return NULL;
    }
    PyArrayObject *bits = rgb_array(objects[0], "bits", NPY_UINT64, 3, false);
    PyArrayObject *offsets = bits ? rgb_array(objects[1], "offsets", NPY_INT64, 2, false) : NULL;
    PyArrayObject *starts = offsets ? rgb_array(objects[2], "starts", NPY_UINT64, 1, false) : NULL;
    PyArrayObject *owners = starts ? rgb_array(objects[3], "owners", NPY_UINT64, 1, false) : NULL;
    size_t n_products = owners ? check_products(offsets, starts, owners) : 0;
    if (n_products == 0) {
        return NULL;
    }
    if ((size_t)PyArray_DIM(bits, 2) != rg_bits_words(n_columns)) {
        PyErr_Format(PyExc_ValueError, "bits must hold %zu words per row of %zu columns, got %zd",
                     rg_bits_words(n_columns), n_columns, (Py_ssize_t)PyArray_DIM(bits, 2));
        return NULL;
    }
    size_t n = (size_t)PyArray_DIM(bits, 0);
    npy_intp shape[] = {(npy_intp)n, (npy_intp)n_operators};
    rg_operators_t set;
    int ret = rg_operators_init(&set, (size_t)PyArray_DIM(bits, 1), n_columns, n_products,
                                PyArray_DATA(starts), PyArray_DATA(offsets), PyArray_DATA(owners),
                                n_operators);
    PyObject *sums = ret == RG_OK ? PyArray_SimpleNew(2, shape, NPY_INT32) : rgb_raise(ret);
    if (sums != NULL &&
        sum_all(&set, PyArray_DATA(bits), n, PyArray_DATA((PyArrayObject *)sums)) < 0) {
        Py_CLEAR(sums);
    }
    rg_operators_free(&set);
    return sums;
}

PyMethodDef rgb_operators_methods[] = {
    RGB_METHOD("operator_sums", operator_sums, operator_sums_doc),
    {NULL, NULL, 0, NULL},
};
