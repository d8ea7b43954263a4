"""The small models behind the learn page, each against a closed form or a computation of its own."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from vae_core import expectation
from vae_core.blur import nearest, rms_difference, running_means, undecided
from vae_core.divergence import Gauss
from vae_core.energy import boltzmann, log10_states
from vae_core.errors import ConfigError
from vae_core.gradient_estimators import estimate, square_variances
from vae_core.latent_curve import LatentCurve, two_bumps
from vae_core.linear_vae import best_linear_vae, spectrum
from vae_core.maximum_likelihood import likeliest, log_likelihood


class TestLatentCurve:
    """One latent and one visible number."""

    @given(st.floats(-3, 3), st.floats(0.1, 2))
    def test_a_straight_line_gives_the_gaussian_of_both_variances(self, slope: float, noise: float) -> None:
        x = math.hypot(slope, noise) * torch.linspace(-3, 3, 7, dtype=torch.float64)
        expected = Gauss(0, math.hypot(slope, noise)).log_prob(x)
        assert torch.allclose(LatentCurve(lambda z: slope * z, noise).log_prob(x), expected, atol=1e-6)

    def test_two_bumps_come_of_one_and_integrate_to_one(self) -> None:
        x = torch.arange(-6, 6, 0.01, dtype=torch.float64)
        density = two_bumps(0.3).log_prob(x).exp()
        assert float(density.sum() * 0.01) == pytest.approx(1, abs=1e-6)
        rising = (density[1:] > density[:-1]).int()
        assert int((rising[:-1] > rising[1:]).sum()) == 2

    def test_draws_follow_the_density(self) -> None:
        model = two_bumps(0.5)
        _z, x = model.sample(200_000, torch.Generator().manual_seed(0))
        grid = torch.arange(-6, 6, 0.01, dtype=torch.float64)
        mass = float((model.log_prob(grid).exp()[(grid > 1) & (grid < 2)]).sum() * 0.01)
        assert float(((x > 1) & (x < 2)).double().mean()) == pytest.approx(mass, abs=0.01)


class TestEnergy:
    """Energies and probabilities."""

    def test_two_states_have_the_odds_of_their_difference(self) -> None:
        found = boltzmann(torch.tensor([1.0, 3.0]), temperature=2)
        assert found.probabilities.tolist() == pytest.approx([1 / (1 + math.exp(-1)), 1 / (1 + math.exp(1))])
        assert found.log_partition == pytest.approx(math.log(math.exp(-0.5) + math.exp(-1.5)))

    def test_a_parabola_has_the_gaussian_integral_for_its_partition_function(self) -> None:
        x = torch.arange(-1000, 1001, dtype=torch.float64)
        assert boltzmann(0.5 * (x / 7) ** 2, 1.5).log_partition == pytest.approx(math.log(7 * math.sqrt(3 * math.pi)))

    def test_an_energy_added_everywhere_changes_z_and_no_probability(self) -> None:
        energies = torch.linspace(0, 5, 20, dtype=torch.float64)
        low, high = boltzmann(energies), boltzmann(energies + 3)
        assert torch.allclose(low.probabilities, high.probabilities)
        assert high.log_partition == pytest.approx(low.log_partition - 3)

    def test_a_temperature_that_is_none_is_refused(self) -> None:
        with pytest.raises(ConfigError, match="above 0"):
            boltzmann(torch.zeros(3), 0)

    def test_binary_digits_have_more_states_than_anybody_can_add_up(self) -> None:
        assert log10_states(10) == pytest.approx(math.log10(1024))
        assert math.floor(log10_states(784)) + 1 == len(str(2**784))


class TestExpectation:
    """One expectation in three ways."""

    @pytest.mark.parametrize("dimension", [1, 2, 5])
    def test_a_fine_grid_is_exact(self, dimension: int) -> None:
        assert expectation.grid_sum(dimension, 40) == pytest.approx(expectation.exact(dimension), rel=1e-9)

    def test_the_power_is_the_sum_over_all_nodes_of_the_grid(self) -> None:
        x, width = expectation.axis_nodes(6)
        points = torch.cartesian_prod(x, x)
        density = (-0.5 * points.square().sum(1)).exp() / (2 * math.pi)
        assert expectation.grid_sum(2, 6) == pytest.approx(
            float((expectation.integrand(points) * density).sum() * width**2)
        )

    @pytest.mark.parametrize("dimension", [1, 3, 10])
    def test_monte_carlo_is_right_on_average_with_the_error_it_should_have(self, dimension: int) -> None:
        means = expectation.monte_carlo(dimension, 100, 2000, torch.Generator().manual_seed(0))
        true, error = expectation.exact(dimension), expectation.monte_carlo_error(dimension, 100)
        assert float(means.mean()) == pytest.approx(true, abs=5 * true * error / math.sqrt(2000))
        assert float(means.std() / true) == pytest.approx(error, rel=0.15)

    @given(st.integers(1, 100_000), st.integers(1, 10))
    def test_a_grid_has_no_more_points_than_allowed_and_could_have_no_node_more(self, points: int, d: int) -> None:
        nodes = expectation.nodes_for(points, d)
        assert nodes == 1 or nodes**d <= points
        assert (nodes + 1) ** d > points


class TestMaximumLikelihood:
    """One Gaussian."""

    def test_the_sum_is_that_of_the_log_densities(self) -> None:
        data = torch.tensor([1.0, 2.0, 6.0], dtype=torch.float64)
        found = log_likelihood(data, torch.tensor([2.0, 0.0]), torch.tensor([3.0, 1.0]))
        expected = [float(q.log_prob(data).sum()) for q in (Gauss(2, 3), Gauss(0, 1))]
        assert found.tolist() == pytest.approx(expected)

    @given(st.floats(-1, 1), st.floats(-0.5, 0.5))
    def test_no_other_parameters_are_likelier(self, shift: float, log_scale: float) -> None:
        data = torch.tensor([1.0, 2.0, 4.0, 9.0], dtype=torch.float64)
        best = likeliest(data)
        other = torch.tensor(best.mean + shift), torch.tensor(best.std * math.exp(log_scale))
        highest = log_likelihood(data, torch.tensor(best.mean), torch.tensor(best.std))
        assert float(log_likelihood(data, *other)) <= float(highest) + 1e-5  # the parameters are in single precision


class TestGradientEstimators:
    """Through the draw, and by the score function."""

    @pytest.mark.parametrize(("mean", "std"), [(0.0, 1.0), (1.5, 0.5), (-2.0, 0.2)])
    def test_both_have_the_gradient_for_a_mean_and_the_variances_of_the_closed_form(
        self, mean: float, std: float
    ) -> None:
        epsilon = torch.randn(400_000, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        mu, logvar = torch.tensor([mean], dtype=torch.float64), torch.tensor([2 * math.log(std)], dtype=torch.float64)
        found = estimate(lambda z: z.square().sum(-1), mu, logvar, epsilon)
        true = square_variances(mean, std)
        for draws, variance in ((found.pathwise, true.pathwise), (found.score, true.score)):
            assert float(draws.mean()) == pytest.approx(2 * mean, abs=5 * math.sqrt(variance / 400_000))
            assert float(draws.var()) == pytest.approx(variance, rel=0.05)

    def test_several_dimensions_each_have_their_own(self) -> None:
        epsilon = torch.randn(50_000, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
        slope = torch.tensor([3.0, -1.0], dtype=torch.float64)
        found = estimate(lambda z: z @ slope, torch.zeros(2).double(), torch.zeros(2).double(), epsilon)
        assert torch.equal(found.pathwise, slope.expand(50_000, 2))
        assert torch.allclose(found.score.mean(0), slope, atol=0.1)

    def test_values_that_do_not_depend_on_z_are_refused(self) -> None:
        with pytest.raises(ConfigError, match="do not depend"):
            estimate(lambda z: torch.ones(len(z)), torch.zeros(1), torch.zeros(1), torch.zeros(4, 1))


def _trained(x: Tensor, variance: float, beta: float, latent: int) -> tuple[float, float]:
    """Rate and squared error of a linear VAE found by descent, without the closed form."""
    generator = torch.Generator().manual_seed(0)
    weight, code = (0.3 * torch.randn(*shape, generator=generator).double() for shape in ((3, latent), (latent, 3)))
    logvar = torch.zeros(latent).double()
    parameters = [parameter.requires_grad_() for parameter in (weight, code, logvar)]
    optimiser = torch.optim.LBFGS(parameters, max_iter=200, tolerance_grad=1e-10, line_search_fn="strong_wolfe")

    def terms() -> tuple[Tensor, Tensor]:
        mu = x @ code.T
        # E|x - W z|^2 = |x - W mu|^2 + the trace of W D W^T.
        error = ((x - mu @ weight.T) ** 2).sum(1).mean() + (weight.square().sum(0) * logvar.exp()).sum()
        return 0.5 * (mu.square() + logvar.exp() - logvar - 1).sum(1).mean(), error

    def closure() -> float:
        optimiser.zero_grad()
        rate, error = terms()
        loss = error / (2 * variance) + beta * rate
        loss.backward()
        return float(loss.detach())

    step: Callable[[Callable[[], float]], Tensor] = optimiser.step
    for _round in range(2):
        step(closure)
    rate, error = terms()
    return float(rate.detach()), float(error.detach())


class TestLinearVae:
    """Its optimum, and that c and beta are one knob."""

    x = torch.randn(500, 3, generator=torch.Generator().manual_seed(3)).double() * torch.tensor([3.0, 1.5, 0.5])
    x = x - x.mean(0)

    @pytest.mark.parametrize(("variance", "beta"), [(0.1, 1.0), (0.5, 1.0), (0.25, 4.0)])
    def test_descent_finds_the_closed_form(self, variance: float, beta: float) -> None:
        best = best_linear_vae(spectrum(self.x), variance, beta)
        rate, error = _trained(self.x, variance, beta, latent=3)
        assert rate == pytest.approx(best.rate, abs=1e-3)
        assert error == pytest.approx(best.squared_error, abs=1e-3)

    @given(st.floats(0.01, 10), st.floats(0.1, 10))
    def test_only_the_product_of_c_and_beta_counts(self, variance: float, factor: float) -> None:
        components = spectrum(self.x)
        one, other = best_linear_vae(components, variance, 1), best_linear_vae(components, variance / factor, factor)
        assert (one.active, one.rate, one.squared_error) == pytest.approx(
            (other.active, other.rate, other.squared_error), rel=1e-6
        )

    def test_almost_without_noise_images_come_back_and_with_much_only_their_mean(self) -> None:
        x = self.x + 5
        components = spectrum(x)
        assert torch.allclose(best_linear_vae(components, 1e-9, 1).reconstruct(x), x, atol=1e-6)
        nothing = best_linear_vae(components, 100, 1)
        assert (nothing.active, nothing.rate) == (0, 0)
        assert torch.allclose(nothing.reconstruct(x), x.mean(0).expand_as(x))
        assert nothing.squared_error == pytest.approx(float((x - x.mean(0)).square().sum(1).mean()))

    @pytest.mark.parametrize(("variance", "beta"), [(0, 1), (1, 0), (-1, 1)])
    def test_what_is_no_variance_or_beta_is_refused(self, variance: float, beta: float) -> None:
        with pytest.raises(ConfigError, match="above 0"):
            best_linear_vae(spectrum(self.x), variance, beta)


class TestBlur:
    """What lies near one code, and how undecided it is."""

    def test_the_nearest_codes_come_nearest_first(self) -> None:
        codes = torch.tensor([[0.0, 3.0], [1.0, 0.0], [0.0, 0.5]])
        assert nearest(codes, torch.zeros(2), 2).tolist() == [2, 1]
        with pytest.raises(ConfigError, match="4 nearest"):
            nearest(codes, torch.zeros(2), 4)

    def test_running_means_are_the_means_of_the_first_ones(self) -> None:
        x = torch.randn(5, 1, 4, 4, generator=torch.Generator().manual_seed(0))
        found = running_means(x)
        assert all(torch.allclose(found[k], x[: k + 1].mean(0), atol=1e-6) for k in range(5))

    def test_black_and_white_is_decided_and_half_grey_is_not(self) -> None:
        x = torch.stack([torch.tensor([0.0, 1.0, 1.0, 0.0]), torch.full((4,), 0.5)])
        assert undecided(x).tolist() == [0, 2]

    def test_the_difference_is_that_of_a_pixel(self) -> None:
        x = torch.stack([torch.zeros(1, 2, 2), torch.full((1, 2, 2), 0.5)])
        assert rms_difference(x, torch.zeros(1, 2, 2)).tolist() == [0, 0.5]
