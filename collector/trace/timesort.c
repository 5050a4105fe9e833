#include "collector/trace/timesort.h"

#include <stdbool.h>

/* The constants are part of the behaviour: see the header. */
#define INSERTION_MAX 12 /* up to here plain insertion sort */
#define NINTHER_MIN 50	 /* from here the pivot is a median of medians */
#define NINTHER_SWAPS 12 /* all comparisons of that median were inversions */
#define REPAIR_STEPS 5	 /* inversions mended before giving up on "nearly sorted" */

enum hint { UNKNOWN, INCREASING, DECREASING };

/* Half-open range [lo, hi) of the array; indexes are absolute, as in the reference. */
struct range {
	ptrdiff_t lo, hi;
};

static inline void swap(struct timed *a, ptrdiff_t i, ptrdiff_t j)
{
	struct timed t = a[i];

	a[i] = a[j];
	a[j] = t;
}

static inline bool less(const struct timed *a, ptrdiff_t i, ptrdiff_t j)
{
	return a[i].time < a[j].time;
}

static void insertion(struct timed *a, struct range r)
{
	for (ptrdiff_t i = r.lo + 1; i < r.hi; i++)
		for (ptrdiff_t j = i; j > r.lo && less(a, j, j - 1); j--)
			swap(a, j, j - 1);
}

/* Sink a[base+root] in the max-heap of n elements that starts at base. */
static void sink(struct timed *a, ptrdiff_t base, ptrdiff_t root, ptrdiff_t n)
{
	for (ptrdiff_t child = 2 * root + 1; child < n; child = 2 * root + 1) {
		if (child + 1 < n && less(a, base + child, base + child + 1))
			child++;
		if (!less(a, base + root, base + child))
			return;
		swap(a, base + root, base + child);
		root = child;
	}
}

static void heapsort_range(struct timed *a, struct range r)
{
	ptrdiff_t n = r.hi - r.lo;

	for (ptrdiff_t i = (n - 1) / 2; i >= 0; i--)
		sink(a, r.lo, i, n);
	for (ptrdiff_t i = n - 1; i >= 0; i--) {
		swap(a, r.lo, r.lo + i);
		sink(a, r.lo, 0, i);
	}
}

/* Index of the median of a[i], a[j], a[k]; counts the inversions it met. */
static ptrdiff_t median(const struct timed *a, ptrdiff_t i, ptrdiff_t j, ptrdiff_t k, int *swaps)
{
	ptrdiff_t t;

	if (less(a, j, i)) {
		t = i, i = j, j = t;
		++*swaps;
	}
	if (less(a, k, j)) {
		j = k;
		++*swaps;
	}
	if (less(a, j, i)) {
		j = i;
		++*swaps;
	}
	return j;
}

static ptrdiff_t choose_pivot(const struct timed *a, struct range r, enum hint *hint)
{
	ptrdiff_t quarter = (r.hi - r.lo) / 4;
	ptrdiff_t i = r.lo + quarter, j = r.lo + 2 * quarter, k = r.lo + 3 * quarter;
	int swaps = 0;

	if (r.hi - r.lo >= NINTHER_MIN) {
		i = median(a, i - 1, i, i + 1, &swaps);
		j = median(a, j - 1, j, j + 1, &swaps);
		k = median(a, k - 1, k, k + 1, &swaps);
	}
	j = median(a, i, j, k, &swaps);
	*hint = swaps == 0 ? INCREASING : swaps == NINTHER_SWAPS ? DECREASING : UNKNOWN;
	return j;
}

static void reverse(struct timed *a, struct range r)
{
	for (ptrdiff_t i = r.lo, j = r.hi - 1; i < j; i++, j--)
		swap(a, i, j);
}

/* Mend a few inversions of a nearly sorted range; true if that sorted it. */
static bool repair(struct timed *a, struct range r)
{
	ptrdiff_t i = r.lo + 1;

	for (int step = 0; step < REPAIR_STEPS; step++) {
		while (i < r.hi && !less(a, i, i - 1))
			i++;
		if (i == r.hi)
			return true;
		if (r.hi - r.lo < NINTHER_MIN)
			return false;
		swap(a, i, i - 1);
		/* The lower bound of this walk is the array, not the range. */
		if (i - r.lo >= 2)
			for (ptrdiff_t j = i - 1; j >= 1 && less(a, j, j - 1); j--)
				swap(a, j, j - 1);
		if (r.hi - i >= 2)
			for (ptrdiff_t j = i + 1; j < r.hi && less(a, j, j - 1); j++)
				swap(a, j, j - 1);
	}
	return false;
}

/* Scatter three elements around the middle, after an unbalanced partition. */
static void scatter(struct timed *a, struct range r)
{
	size_t n = (size_t)(r.hi - r.lo);
	uint64_t random = n, mask = 1;
	ptrdiff_t middle = r.lo + (ptrdiff_t)(n / 4 * 2);

	while (mask <= n)
		mask <<= 1;
	mask--;
	for (ptrdiff_t i = middle - 1; i <= middle + 1; i++) {
		size_t other;

		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		other = (size_t)(random & mask);
		if (other >= n)
			other -= n;
		swap(a, i, r.lo + (ptrdiff_t)other);
	}
}

/* Elements equal to the pivot to the left of the result; none is smaller. */
static ptrdiff_t partition_equal(struct timed *a, struct range r, ptrdiff_t pivot)
{
	ptrdiff_t i = r.lo + 1, j = r.hi - 1;

	swap(a, r.lo, pivot);
	for (;;) {
		while (i <= j && !less(a, r.lo, i))
			i++;
		while (i <= j && less(a, r.lo, j))
			j--;
		if (i > j)
			return i;
		swap(a, i++, j--);
	}
}

/* Smaller elements left of the result, the pivot on it. */
static ptrdiff_t partition(struct timed *a, struct range r, ptrdiff_t pivot, bool *untouched)
{
	ptrdiff_t i = r.lo + 1, j = r.hi - 1;

	*untouched = true;
	swap(a, r.lo, pivot);
	for (;;) {
		while (i <= j && less(a, i, r.lo))
			i++;
		while (i <= j && !less(a, j, r.lo))
			j--;
		if (i > j)
			break;
		*untouched = false;
		swap(a, i++, j--);
	}
	swap(a, j, r.lo);
	return j;
}

static void quicksort(struct timed *a, struct range r, int bad_pivots)
{
	bool balanced = true, untouched = true;

	while (r.hi - r.lo > INSERTION_MAX) {
		ptrdiff_t n = r.hi - r.lo, pivot, mid;
		struct range left, right;
		enum hint hint;

		if (!bad_pivots) {
			heapsort_range(a, r);
			return;
		}
		if (!balanced) {
			scatter(a, r);
			bad_pivots--;
		}
		pivot = choose_pivot(a, r, &hint);
		if (hint == DECREASING) {
			reverse(a, r);
			pivot = r.hi - 1 - (pivot - r.lo);
			hint = INCREASING;
		}
		if (balanced && untouched && hint == INCREASING && repair(a, r))
			return;
		/* What stands left of the range is its lower bound: many equal elements. */
		if (r.lo > 0 && !less(a, r.lo - 1, pivot)) {
			r.lo = partition_equal(a, r, pivot);
			continue;
		}
		mid = partition(a, r, pivot, &untouched);
		left = (struct range){ r.lo, mid };
		right = (struct range){ mid + 1, r.hi };
		/* The pivot counts with the right side: the shorter side is sorted first. */
		if (mid - r.lo < r.hi - mid) {
			balanced = mid - r.lo >= n / 8;
			quicksort(a, left, bad_pivots);
			r = right;
		} else {
			balanced = r.hi - mid >= n / 8;
			quicksort(a, right, bad_pivots);
			r = left;
		}
	}
	insertion(a, r);
}

void timesort(struct timed *a, size_t n)
{
	int bits = 0;

	for (size_t left = n; left; left >>= 1)
		bits++;
	quicksort(a, (struct range){ 0, (ptrdiff_t)n }, bits);
}
