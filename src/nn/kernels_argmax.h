/* The largest value of a row and where it is. */
#ifndef ASSAY_NN_KERNELS_ARGMAX_H
#define ASSAY_NN_KERNELS_ARGMAX_H

/* Index of the first largest of n >= 1 values; -1 when one is NaN or the largest is infinite. Fully ordered:
 * the same on every instruction set. */
int nn_argmax(const float *v, int n);

#endif
