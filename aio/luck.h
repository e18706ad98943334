/* Guessing by experience: will one more of a kind be worth it? Nobody knows of
 * one, but most of a program's are alike. Once much more was lost than gained,
 * one in so many is tried, and after each try in vain in twice as many, until
 * half of the loss is made good. */
#ifndef AIO_LUCK_H
#define AIO_LUCK_H

#include <stdbool.h>

#define AIO_LUCK_WORST   32 /* loss beyond gain */
#define AIO_LUCK_GOOD    (AIO_LUCK_WORST / 2)
#define AIO_LUCK_TRY     64 /* one in so many at first */
#define AIO_LUCK_TRY_MAX 4096

struct aio_luck {
	unsigned loss;      /* beyond what was gained */
	bool is_out;        /* only some are tried */
	bool is_trying;     /* how the last try ended is not known */
	unsigned pass_over; /* so many before one is tried */
	unsigned try_step;  /* one in so many */
};

/* Is it to be done this time? All zero: yes. */
static inline bool
aio_luck_admits(struct aio_luck *l)
{
	if (!l->is_out)
		return true;
	if (l->pass_over > 0) {
		l->pass_over--;
		return false;
	}
	l->pass_over = l->try_step - 1;
	l->is_trying = true;
	return true;
}

/* The next try comes after STEP - 1 more at the latest. */
static inline void
aio_luck_step(struct aio_luck *l, unsigned step)
{
	l->try_step = step;
	if (l->pass_over >= step)
		l->pass_over = step - 1;
}

/* It was worth it, and those that follow may be. */
static inline void
aio_luck_gain(struct aio_luck *l, unsigned gain)
{
	l->loss -= gain < l->loss ? gain : l->loss;
	l->is_trying = false;
	if (!l->is_out)
		return;
	l->is_out = l->loss > AIO_LUCK_GOOD;
	aio_luck_step(l, AIO_LUCK_TRY);
}

/* It was not. */
static inline void
aio_luck_lose(struct aio_luck *l, unsigned loss)
{
	unsigned step = AIO_LUCK_TRY;

	l->loss += loss;
	if (l->loss < AIO_LUCK_WORST)
		return;
	l->loss = AIO_LUCK_WORST;
	if (l->is_out && !l->is_trying)
		return; /* one from before */
	if (l->is_out)
		step = l->try_step * 2;
	l->is_out = true;
	l->is_trying = false;
	l->pass_over = AIO_LUCK_TRY_MAX;
	aio_luck_step(l, step < AIO_LUCK_TRY_MAX ? step : AIO_LUCK_TRY_MAX);
}

#endif
