/* What nn_exec owns, shared by exec.c (opens it) and forward.c (runs a step). Internal. */
#ifndef ASSAY_NN_EXEC_H
#define ASSAY_NN_EXEC_H

#include "nn/attention.h"
#include "nn/gemm.h"

struct nn_exec {
	enum nn_isa isa;            /* really used */
	struct nn_shape shape;
	struct nn_exec_options opt;
	const struct nn_kernels *kn;
	struct nn_threads *threads;
	struct nn_weights w;
	struct nn_gemm gemm;
	char kernels[160];
	/* workspace; one mapping, sized for opt.max_rows */
	char *map;
	size_t map_bytes;
	double *freq;               /* [head_dim/2] */
	float *cs, *sn;             /* [rows][head_dim/2] */
	float *h;                   /* [rows][hidden] residual stream */
	float *qkv;                 /* [rows][(heads + 2 kv_heads) * head_dim] */
	float *attn;                /* [rows][heads * head_dim] */
	float *last;                /* [logit rows][embed_dim] */
	void *lines_in, *lines_mid; /* packed activations of hidden or heads*head_dim wide, of ffn wide */
	int *pos, *span;            /* [rows] position; span that owns the row */
	int *logit_row;             /* [logit rows] */
	struct nn_attention_item *items;
	float *parts;               /* [max_parts][nn_attention_part_floats] */
	int max_parts;
	float **row_scratch;        /* [worker][row_floats] */
	float **attn_scratch;       /* [worker][nn_attention_scratch] */
	float **gemm_scratch;       /* [worker][nn_gemm_scratch] */
};

#endif
