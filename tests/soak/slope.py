# SPDX-License-Identifier: BSD-2-Clause
"""How fast a figure grows: least squares over several lives of a process, each with a level of its own."""

import math

Z95 = 1.96  # the normal distribution's; there are many samples


def residuals(lives, slope):
    """Of each life, in order."""
    result = []
    for points in lives:
        x0 = sum(x for x, _ in points) / len(points)
        y0 = sum(y for _, y in points) / len(points)
        result.append([y - y0 - slope * (x - x0) for x, y in points])
    return result


def correlation(lives):
    """Of each residual with the next one: samples that follow each other say less than so many that do not."""
    pairs = [(a, b) for life in lives for a, b in zip(life, life[1:])]
    square = sum(a * a for a, _ in pairs)
    return max(0.0, min(0.95, sum(a * b for a, b in pairs) / square)) if square else 0.0


def slope(lives):
    """lives: lists of (x, y). (slope, half of its 95 % interval), or None where there are too few samples."""
    lives = [points for points in lives if len(points) > 2]
    n = sum(len(points) for points in lives)
    sxx = sxy = 0.0
    for points in lives:
        x0 = sum(x for x, _ in points) / len(points)
        y0 = sum(y for _, y in points) / len(points)
        sxx += sum((x - x0) ** 2 for x, _ in points)
        sxy += sum((x - x0) * (y - y0) for x, y in points)
    if not sxx or n - len(lives) - 1 <= 0:
        return None
    value = sxy / sxx
    left = residuals(lives, value)
    variance = sum(r * r for life in left for r in life) / (n - len(lives) - 1)
    again = correlation(left)
    return value, Z95 * math.sqrt(variance / sxx * (1 + again) / (1 - again))
