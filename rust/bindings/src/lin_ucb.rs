//! A contextual bandit.

use std::sync::{Mutex, PoisonError};

use ecology_core::router::online::{LinUcb as Bandit, OnlineError};
use numpy::{AllowTypeChange, PyArray1, PyArray2, PyArrayLike1, PyArrayLike2, PyArrayMethods};
use pyo3::exceptions::{PyIndexError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::MutexExt;

type Context<'py> = PyArrayLike1<'py, f32, AllowTypeChange>;
type Contexts<'py> = PyArrayLike2<'py, f32, AllowTypeChange>;

/// Which arm, seen from this context? LinUCB with a ridge regression per arm (Li, Chu, Langford, Schapire 2010).
///
/// An arm's score is xᵀθ + α √(xᵀA⁻¹x): what it is expected to bring, and a bonus for what it has seldom seen. The same
/// observations in the same order give the same choices, bit for bit. Threads may share one.
///
/// >>> import ecology as eco
/// >>> bandit = eco.LinUcb(arms=2, dimensions=2)
/// >>> for _ in range(20):
/// ...     bandit.update(0, [1, 0], 0.2)
/// ...     bandit.update(1, [1, 0], 0.9)
/// >>> bandit.choose([1, 0])
/// 1
#[pyclass(frozen, module = "ecology")]
pub(crate) struct LinUcb {
    bandit: Mutex<Bandit>,
}

fn refused(error: OnlineError) -> PyErr {
    match error {
        OnlineError::Arm { .. } => PyIndexError::new_err(error.to_string()),
        _ => PyValueError::new_err(error.to_string()),
    }
}

/// The numbers of a context, copied only where they do not lie side by side.
fn with<T>(context: &Context<'_>, take: impl FnOnce(&[f32]) -> T) -> T {
    match context.as_slice() {
        Ok(numbers) => take(numbers),
        Err(_) => take(&context.as_array().iter().copied().collect::<Vec<f32>>()),
    }
}

fn rows(contexts: &Contexts<'_>) -> (usize, usize, Vec<f32>) {
    let contexts = contexts.as_array();
    let (n, d) = contexts.dim();
    (n, d, contexts.iter().copied().collect())
}

#[pymethods]
impl LinUcb {
    /// Arms that know nothing. `alpha` ≥ 0 weighs the bonus; `prior` (λ, above 0) counts like so many observations of reward 0 in
    /// every direction. Numbers of a context should be about 1 in size. Memory: 12 · arms · dimensions² bytes.
    ///
    /// Raises ValueError for a number that is out of range.
    #[new]
    #[pyo3(signature = (arms, dimensions, alpha=1.0, prior=1.0))]
    fn new(arms: usize, dimensions: usize, alpha: f64, prior: f64) -> PyResult<Self> {
        let bandit = Bandit::new(arms, dimensions, alpha, prior).map_err(refused)?;
        Ok(Self { bandit: Mutex::new(bandit) })
    }

    /// The arm with the highest score for a context float32 [d]; of equals the first.
    ///
    /// Raises ValueError for another length, NaN or infinity.
    fn choose(&self, py: Python<'_>, context: Context<'_>) -> PyResult<usize> {
        let bandit = self.bandit.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner);
        with(&context, |context| bandit.choose(context)).map_err(refused)
    }

    /// The score of every arm for a context float32 [d]: float64 [arms].
    fn scores<'py>(&self, py: Python<'py>, context: Context<'_>) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let bandit = self.bandit.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner);
        let scores = with(&context, |context| bandit.scores(context)).map_err(refused)?;
        Ok(PyArray1::from_vec(py, scores))
    }

    /// The arm was chosen in this context float32 [d] and brought this reward, from -1e100 to 1e100.
    ///
    /// Raises IndexError for an arm that is not there, ValueError as `choose`; then nothing changes.
    fn update(&self, py: Python<'_>, arm: usize, context: Context<'_>, reward: f64) -> PyResult<()> {
        let mut bandit = self.bandit.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner);
        with(&context, |context| bandit.update(arm, context, reward)).map_err(refused)
    }

    /// `choose` for contexts float32 [n, d], without the GIL: int64 [n].
    fn choose_batch<'py>(
        &self,
        py: Python<'py>,
        contexts: Contexts<'_>,
    ) -> PyResult<Bound<'py, PyArray1<i64>>> {
        let (n, d, numbers) = rows(&contexts);
        let chosen = py.detach(|| {
            let bandit = self.bandit.lock().unwrap_or_else(PoisonError::into_inner);
            (0..n).map(|at| Ok(bandit.choose(&numbers[at * d..][..d])? as i64)).collect::<Result<Vec<_>, _>>()
        });
        Ok(PyArray1::from_vec(py, chosen.map_err(refused)?))
    }

    /// `scores` for contexts float32 [n, d], without the GIL: float64 [n, arms].
    fn scores_batch<'py>(
        &self,
        py: Python<'py>,
        contexts: Contexts<'_>,
    ) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let (n, d, numbers) = rows(&contexts);
        let (arms, scores) = py.detach(|| {
            let bandit = self.bandit.lock().unwrap_or_else(PoisonError::into_inner);
            let scores = (0..n).map(|at| bandit.scores(&numbers[at * d..][..d]));
            (bandit.arms(), scores.collect::<Result<Vec<_>, _>>())
        });
        PyArray1::from_vec(py, scores.map_err(refused)?.concat()).reshape([n, arms])
    }

    /// `update` for n observations in their order, without the GIL: arms int64 [n], contexts float32 [n, d], rewards
    /// float64 [n].
    ///
    /// Raises as `update` at the first that is wrong; those before it were learned.
    fn update_batch(
        &self,
        py: Python<'_>,
        arms: PyArrayLike1<'_, i64, AllowTypeChange>,
        contexts: Contexts<'_>,
        rewards: PyArrayLike1<'_, f64, AllowTypeChange>,
    ) -> PyResult<()> {
        let (n, d, numbers) = rows(&contexts);
        let arms: Vec<i64> = arms.as_array().iter().copied().collect();
        let rewards: Vec<f64> = rewards.as_array().iter().copied().collect();
        if arms.len() != n || rewards.len() != n {
            let (arms, rewards) = (arms.len(), rewards.len());
            return Err(PyValueError::new_err(format!("{arms} arms and {rewards} rewards for {n} contexts")));
        }
        py.detach(|| {
            let mut bandit = self.bandit.lock().unwrap_or_else(PoisonError::into_inner);
            for (at, (arm, reward)) in arms.iter().zip(rewards).enumerate() {
                // One that is below 0 is as far out of range as the largest.
                let arm = usize::try_from(*arm).unwrap_or(usize::MAX);
                bandit.update(arm, &numbers[at * d..][..d], reward)?;
            }
            Ok(())
        })
        .map_err(refused)
    }

    /// The weights θ of an arm: float64 [d].
    ///
    /// Raises IndexError for an arm that is not there.
    fn theta<'py>(&self, py: Python<'py>, arm: usize) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let bandit = self.bandit.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner);
        let theta = bandit.theta(arm);
        let theta = theta.ok_or_else(|| refused(OnlineError::Arm { arm, arms: bandit.arms() }))?;
        Ok(PyArray1::from_slice(py, theta))
    }

    /// How many observations each arm has: int64 [arms].
    #[getter]
    fn observations<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<i64>> {
        let bandit = self.bandit.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner);
        PyArray1::from_iter(py, bandit.observations().map(|n| n as i64))
    }

    /// How many arms there are.
    #[getter]
    fn arms(&self, py: Python<'_>) -> usize {
        self.bandit.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner).arms()
    }

    /// Numbers of a context.
    #[getter]
    fn dimensions(&self, py: Python<'_>) -> usize {
        self.bandit.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner).dimensions()
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let bandit = self.bandit.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner);
        let observations: u64 = bandit.observations().sum();
        let (arms, dimensions) = (bandit.arms(), bandit.dimensions());
        format!("LinUcb(arms={arms}, dimensions={dimensions}, observations={observations})")
    }
}
