/* module.c: the extension module rgdl._core: slots, method tables, start of the kernel table. */
#define RGB_IMPORTS_ARRAY_API
#include "rgb_common.h"

#include <stdlib.h>

#include "rg_dispatch.h"
#include "rg_rng.h"

PyDoc_STRVAR(core_doc, "C core of rgdl. Private: use the functions of rgdl instead.");

/* The purposes of random streams that Python code names. */
static int add_purposes(PyObject *module)
{
    static const struct {
        const char *name;
        long value;
    } purposes[] = {
        {"PURPOSE_SAMPLE", RG_PURPOSE_SAMPLE},
        {"PURPOSE_START", RG_PURPOSE_START},
        {"PURPOSE_TIES", RG_PURPOSE_TIES},
        {"PURPOSE_SIMULATE", RG_PURPOSE_SIMULATE},
        {"PURPOSE_CLUSTER", RG_PURPOSE_CLUSTER},
        {"PURPOSE_PERFECT", RG_PURPOSE_PERFECT},
        {"PURPOSE_TEMPER", RG_PURPOSE_TEMPER},
        {"PURPOSE_HISTOGRAM", RG_PURPOSE_HISTOGRAM},
        {"PURPOSE_PILOT", RG_PURPOSE_PILOT},
        {"PURPOSE_COARSEN", RG_PURPOSE_COARSEN},
        {"PURPOSE_RESAMPLE", RG_PURPOSE_RESAMPLE},
        {"PURPOSE_RBM_TRAIN", RG_PURPOSE_RBM_TRAIN},
        {"PURPOSE_RBM_GIBBS", RG_PURPOSE_RBM_GIBBS},
        {"PURPOSE_RBM_CHAINS", RG_PURPOSE_RBM_CHAINS},
        {"PURPOSE_RBM_WEIGHTS", RG_PURPOSE_RBM_WEIGHTS},
        {"PURPOSE_RBM_SHUFFLE", RG_PURPOSE_RBM_SHUFFLE},
        {"PURPOSE_RBM_AIS", RG_PURPOSE_RBM_AIS},
        {"PURPOSE_RBM_TEMPER", RG_PURPOSE_RBM_TEMPER},
        {"PURPOSE_RBM_SAMPLE", RG_PURPOSE_RBM_SAMPLE},
    };
    for (size_t i = 0; i < sizeof purposes / sizeof purposes[0]; i++) {
        if (PyModule_AddIntConstant(module, purposes[i].name, purposes[i].value) < 0) {
            return -1;
        }
    }
    return 0;
}

static int core_exec(PyObject *module)
{
    if (PyArray_ImportNumPyAPI() < 0) {
        return -1;
    }
    int ret = rg_dispatch_init(getenv("RGDL_SIMD"));
    if (ret != RG_OK) {
        PyErr_Format(PyExc_ImportError, "%s; got RGDL_SIMD=%s", rg_strerror(ret),
                     getenv("RGDL_SIMD"));
        return -1;
    }
    PyMethodDef *tables[] = {
        rgb_ais_methods,       /**/
        rgb_base_methods,      /**/
        rgb_blas_methods,      /**/
        rgb_block_methods,     /**/
        rgb_cluster_methods,   /**/
        rgb_exact_methods,     /**/
        rgb_field_methods,     /**/
        rgb_fold_methods,      /**/
        rgb_histogram_methods, /**/
        rgb_ising_methods,     /**/
        rgb_operators_methods, /**/
        rgb_perfect_methods,   /**/
        rgb_rbm_methods,       /**/
        rgb_temper_methods,    /**/
        rgb_terms_methods,     /**/
        rgb_transfer_methods,  /**/
    };
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        if (PyModule_AddFunctions(module, tables[i]) < 0) {
            return -1;
        }
    }
    return add_purposes(module);
}

static PyModuleDef_Slot core_slots[] = {
    {Py_mod_exec, (void *)core_exec},
#ifdef Py_mod_multiple_interpreters
    {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED},
#endif
    {0, NULL},
};

static struct PyModuleDef core_module = {
    PyModuleDef_HEAD_INIT, .m_name = "rgdl._core", .m_doc = core_doc,
    .m_size = 0,           .m_slots = core_slots,
};

PyMODINIT_FUNC PyInit__core(void);

PyMODINIT_FUNC PyInit__core(void)
{
    return PyModuleDef_Init(&core_module);
}
