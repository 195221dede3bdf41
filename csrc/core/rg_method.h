/* rg_method.h: the local updates, the same for every packed path. */
#ifndef RG_METHOD_H
#define RG_METHOD_H

/* How a sweep updates a site. With f = K (2j - z) + h the field of j of z = 2 ndim neighbours up:
 * heat-bath sets it up with probability 1 / (1 + e^{-2f}), whatever it was; Metropolis turns it
 * with min(1, e^{-2 s f}); local is Metropolis, but heat-bath in sweep t of a chain when t mod 8
 * is 7 (t = 0, 1, ..), which makes it irreducible where Metropolis alone is not. */
enum { RG_METHOD_HEATBATH = 0, RG_METHOD_METROPOLIS = 1, RG_METHOD_LOCAL = 2 };
enum { RG_LOCAL_PERIOD = 8 };

#endif
