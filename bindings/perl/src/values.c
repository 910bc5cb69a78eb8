/* values.c: values of Perl to C, and results to Perl.
 *
 * In: scalars, which overloading and ties may run Perl code for. Out: C values that live as long as the call, copies
 * all, as callbacks may change the scalars meanwhile; and what the call returned, on the stack.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "perl_guestfs.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>

/* Perl's own meaning of numbers and strings, save where that would be a value that nobody has written. */
static void
wrong (pTHX_ const struct pg_frame *p, const struct glue_param *param, const char *what)
{
  PERL_UNUSED_CONTEXT;
  croak ("Sys::Guestfs::%s(): %s %s", p->f.call->name, param->name, what);
}

static void *
room (pTHX_ void *memory)
{
  PERL_UNUSED_CONTEXT;
  if (memory == NULL)
    croak ("Sys::Guestfs: not enough memory");
  return memory;
}

/* The bytes of a string as Perl has them, and a NUL. */
static char *
bytes (pTHX_ struct pg_frame *p, const struct glue_param *param, SV *sv, size_t *size)
{
  STRLEN len;
  const char *s;

  SvGETMAGIC (sv);
  if (SvROK (sv) && !SvAMAGIC (sv))
    wrong (aTHX_ p, param, "must be a string, not a reference");
  s = SvPV_nomg (sv, len);
  *size = len;
  return room (aTHX_ glue_copy (&p->f, s, len));
}

static char *
text (pTHX_ struct pg_frame *p, const struct glue_param *param, SV *sv)
{
  size_t size;
  char *s = bytes (aTHX_ p, param, sv, &size);

  if (strlen (s) != size)
    wrong (aTHX_ p, param, "has a NUL inside");
  return s;
}

static int64_t
truncated (pTHX_ const struct pg_frame *p, const struct glue_param *param, NV number)
{
  /* Neither infinity nor NaN is in the range. */
  if (!(number >= -9223372036854775808.0 && number < 9223372036854775808.0))
    wrong (aTHX_ p, param, "does not fit 64 bits");
  return (int64_t) number;
}

static int64_t
integer (pTHX_ const struct pg_frame *p, const struct glue_param *param, SV *sv)
{
  const char *s;
  STRLEN len;
  UV uv;
  int kind;

  SvGETMAGIC (sv);
  if (SvROK (sv) && !SvAMAGIC (sv))
    wrong (aTHX_ p, param, "must be a number, not a reference");
  if (!SvROK (sv) && SvIOK (sv)) {
    if (SvIsUV (sv) && (uint64_t) SvUVX (sv) > INT64_MAX)
      wrong (aTHX_ p, param, "does not fit 64 bits");
    return SvIVX (sv);
  }
  if (!SvROK (sv) && SvNOK (sv))
    return truncated (aTHX_ p, param, SvNVX (sv));
  if (!SvOK (sv))
    return SvIV_nomg (sv);
  /* Digits, which may be more than a floating-point number holds: also those of a Math::BigInt. */
  s = SvPV_nomg (sv, len);
  kind = grok_number (s, len, &uv);
  if (kind == 0)
    return SvIV_nomg (sv);      /* warns that it is not numeric */
  if (!(kind & IS_NUMBER_IN_UV) || (kind & IS_NUMBER_NOT_INT))
    return truncated (aTHX_ p, param, my_atof (s));
  if ((uint64_t) uv > (uint64_t) INT64_MAX + !!(kind & IS_NUMBER_NEG))
    wrong (aTHX_ p, param, "does not fit 64 bits");
  return kind & IS_NUMBER_NEG ? (int64_t) -(uint64_t) uv : (int64_t) uv;
}

static char *const *
list (pTHX_ struct pg_frame *p, const struct glue_param *param, SV *sv)
{
  SSize_t n, i;
  char **strings;
  AV *array;

  SvGETMAGIC (sv);
  if (!SvROK (sv) || SvTYPE (SvRV (sv)) != SVt_PVAV) {
    if (param < p->f.call->params + p->f.call->nr_args)
      croak ("array reference expected");
    croak ("array reference expected for '%s' argument", param->name);
  }
  array = (AV *) SvRV (sv);
  n = av_top_index (array) + 1;
  strings = room (aTHX_ glue_room (&p->f, ((size_t) n + 1) * sizeof *strings));
  for (i = 0; i < n; i++) {
    SV **item = av_fetch (array, i, 0);

    strings[i] = text (aTHX_ p, param, item ? *item : &PL_sv_undef);
  }
  strings[n] = NULL;
  return strings;
}

/* The one kind of pointer: a virDomainPtr, which Sys::Virt keeps as the number behind the reference. */
static void *
domain (pTHX_ const struct pg_frame *p, const struct glue_param *param, SV *sv)
{
  SvGETMAGIC (sv);
  if (!sv_isobject (sv) || !sv_derived_from (sv, "Sys::Virt::Domain") || !SvIOK (SvRV (sv)))
    wrong (aTHX_ p, param, "is not of type Sys::Virt::Domain");
  return INT2PTR (void *, SvIV (SvRV (sv)));
}

void
pg_take (pTHX_ struct pg_frame *p, const struct glue_param *param, SV *sv, union glue_value *v)
{
  switch (param->shape) {
  case GLUE_BOOL: v->i = SvTRUE (sv); break;
  case GLUE_INT: {
    int64_t n = integer (aTHX_ p, param, sv);

    if (n < INT_MIN || n > INT_MAX)
      wrong (aTHX_ p, param, "does not fit 32 bits");
    v->i = (int) n;
    break;
  }
  case GLUE_INT64: v->n = integer (aTHX_ p, param, sv); break;
  case GLUE_STR: v->s = text (aTHX_ p, param, sv); break;
  case GLUE_OPT_STR:
    SvGETMAGIC (sv);
    v->s = SvOK (sv) ? text (aTHX_ p, param, sv) : NULL;
    break;
  case GLUE_STR_LIST: v->list = list (aTHX_ p, param, sv); break;
  case GLUE_BUFFER: v->buffer.bytes = bytes (aTHX_ p, param, sv, &v->buffer.size); break;
  case GLUE_POINTER: v->pointer = domain (aTHX_ p, param, sv); break;
  }
}

static SV *
scalar (pTHX_ struct glue_item item)
{
  switch (item.type) {
  case GLUE_TRUTH: return newSViv ((IV) item.n);
#if IVSIZE >= 8
  case GLUE_NUMBER: return newSViv (item.n);
  case GLUE_UNSIGNED: return newSVuv (item.u);
#else
  case GLUE_NUMBER: return item.wide ? newSVpvf ("%" PRIi64, item.n) : newSViv ((IV) item.n);
  case GLUE_UNSIGNED: return item.wide ? newSVpvf ("%" PRIu64, item.u) : newSVuv ((UV) item.u);
#endif
  case GLUE_FLOAT: return newSVnv (item.number);
  case GLUE_CHAR: case GLUE_TEXT: case GLUE_BYTES: return newSVpvn (item.bytes ? item.bytes : "", item.size);
  case GLUE_ABSENT: break;
  }
  return newSV (0);
}

static SV *
field (pTHX_ const struct glue_field *f, const void *record)
{
  struct glue_item item = glue_field (f, record);

  /* A percentage that is not there. */
  return f->type == GLUE_FIELD_PERCENT && item.type == GLUE_ABSENT ? newSVnv (-1) : scalar (aTHX_ item);
}

SSize_t
pg_push_result (pTHX_ struct pg_frame *p, I32 ax)
{
  const struct glue_struct *s = p->f.call->structure;
  enum glue_form form = glue_form (p->f.call);
  size_t i, j, n = form == GLUE_NOTHING ? 0 : form == GLUE_RECORD ? s->nr_fields : glue_count (&p->f);
  SV **sp = PL_stack_base + ax - 1;

  EXTEND (sp, (SSize_t) (2 * n));
  for (i = 0; i < n; i++)
    switch (form) {
    case GLUE_NOTHING: break;
    case GLUE_ONE: mPUSHs (scalar (aTHX_ glue_one (&p->f))); break;
    case GLUE_LIST: mPUSHs (scalar (aTHX_ glue_at (&p->f, i))); break;
    case GLUE_PAIRS: {
      struct glue_item key, value;

      glue_pair (&p->f, i, &key, &value);
      mPUSHs (scalar (aTHX_ key));
      mPUSHs (scalar (aTHX_ value));
      break;
    }
    case GLUE_RECORD:
      mPUSHs (newSVpv (s->fields[i].name, 0));
      mPUSHs (field (aTHX_ &s->fields[i], glue_record (&p->f, 0)));
      break;
    case GLUE_RECORDS: {
      HV *hash = newHV ();

      mPUSHs (newRV_noinc ((SV *) hash));
      for (j = 0; j < s->nr_fields; j++)
        (void) hv_store (hash, s->fields[j].name, (I32) strlen (s->fields[j].name),
                         field (aTHX_ &s->fields[j], glue_record (&p->f, i)), 0);
      break;
    }
    }
  PUTBACK;
  return sp - (PL_stack_base + ax - 1);
}
