/* guestfs.c: what XSLoader runs: every call and function of package Sys::Guestfs.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "perl_guestfs.h"

extern XS (boot_Sys__Guestfs);

static void
define (pTHX_ const char *name, XSUBADDR_t function, const struct glue_call *call)
{
  SV *full = sv_2mortal (newSVpvf ("Sys::Guestfs::%s", name));
  CV *cv = newXS (SvPV_nolen (full), function, __FILE__);

  CvXSUBANY (cv).any_ptr = (void *) call;
}

__attribute__ ((__visibility__ ("default"))) XS (boot_Sys__Guestfs)
{
  dXSBOOTARGSXSAPIVERCHK;
  size_t i;

  PERL_UNUSED_VAR (items);
  pg_boot_context (aTHX);
  /* What the library that is loaded lacks is not defined, so that `can` tells the truth. */
  for (i = 0; i < glue_nr_calls; i++)
    if (glue_calls[i].entry) {
      define (aTHX_ glue_calls[i].name, xs_call, &glue_calls[i]);
      if (glue_calls[i].alias)
        define (aTHX_ glue_calls[i].alias, xs_call, &glue_calls[i]);
    }
  define (aTHX_ "_attach", xs_attach, NULL);
  define (aTHX_ "close", xs_close, NULL);
  define (aTHX_ "DESTROY", xs_destroy, NULL);
  define (aTHX_ "CLONE", xs_clone, NULL);
  define (aTHX_ "last_errno", xs_last_errno, NULL);
  define (aTHX_ "set_event_callback", xs_set_event_callback, NULL);
  define (aTHX_ "delete_event_callback", xs_delete_event_callback, NULL);
  define (aTHX_ "event_to_string", xs_event_to_string, NULL);
  Perl_xs_boot_epilog (aTHX_ ax);
}
