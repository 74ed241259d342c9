/* What the shared library exports, and the attributes that public declarations use. */
#ifndef PEAL_VISIBILITY_H
#define PEAL_VISIBILITY_H

#define PEAL_API __attribute__((visibility("default")))
#define PEAL_MUST_CHECK __attribute__((warn_unused_result))

#ifdef __cplusplus
#error "the macros of peal are C11; wrap the functions behind them for C++"
#endif

#endif
