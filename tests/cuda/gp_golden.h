#pragma once

#include <vector>

/// A Gaussian process of eight points in three dimensions, at fixed hyperparameters: what BoTorch 0.18.1 and
/// scikit-learn 1.9.1 make of it (they agree to 1e-10), and log h of mpmath, at 400 digits. Observations have zero mean
/// and are not standardised; posteriors are of the function without noise; it is maximised.
namespace lockstep::test::golden {

inline const std::vector<double> kPoints = {0.11, 0.52, 0.83, 0.93, 0.07, 0.41, 0.35, 0.66, 0.19, 0.58, 0.91, 0.74,
                                            0.22, 0.13, 0.05, 0.79, 0.44, 0.97, 0.47, 0.28, 0.6,  0.66, 0.73, 0.36};
inline const std::vector<double> kObservations = {0.42, -1.31, 0.87, -0.25, 0.1, -0.64, 1.52, 0.33};
inline const std::vector<double> kTestPoints = {0.47, 0.28, 0.6,  0.5, 0.3, 0.58, 0.05, 0.95, 0.5,
                                                0.99, 0.99, 0.01, 0.4, 0.4, 0.4,  0.0,  0.0,  0.0};
inline const std::vector<double> kLengthscales = {0.35, 0.6, 1.1};
inline constexpr double kOutputscale = 1.7, kNoiseVariance = 0.013, kBest = 1.52;

inline const std::vector<double> kMean = {1.4932713495235703,   1.4397345321332309, 0.1272840297122415,
                                          -0.29381725588331875, 1.372991241812616,  -0.3380664297232464};
inline const std::vector<double> kVariance = {0.012749514493763492, 0.02529882313443621, 0.867057239241561,
                                              1.2434747354288394,   0.08879665478671606, 0.7190463411463721};
/// Of the logarithm of the likelihood, by the logarithms of the lengthscales.
inline const std::vector<double> kLikelihoodGradient = {-1.2497532723723868, 0.46073492773359365, 0.3965928966208115};
inline const std::vector<double> kLogImprovement = {-3.413129378306939,  -3.4662542002034247, -3.5914204070223392,
                                                    -3.715785227442169, -2.8208426259139125, -5.461097308445701};
/// By the coordinates of the test points.
inline const std::vector<double> kLogImprovementGradient = {
    -14.182009350693804, 2.57207770705997,   -0.2361964136303154, -2.2313855768564768, 4.216277151828567,
    -3.8431351238774196, -3.105530271931106, 3.8120136159638323,  -0.7095570768153506, 2.896289736245067,
    2.5121969250906573,  -1.4057495181151698, 7.207708799920908,  -1.758986233350731,  1.6189697307668816,
    -19.782113394711672, -4.195365387821909, 0.12267152043064924};
/// Over a best of 50: improvements far smaller than any double.
inline const std::vector<double> kLogImprovementOver50 = {-92289.43452860104,  -46619.122563548524, -1443.2802414846283,
                                                          -1025.5259922150437, -13326.93134994266,  -1771.2531868023605};

/// The same points with a fourth column of three categories: the squared distance has 1 / lengthscale^2 more where they
/// differ.
inline const std::vector<int> kCategories = {0, 1, 2, 0, 1, 2, 0, 1}, kTestCategories = {0, 2, 1, 1, 0, 2};
inline constexpr double kCategoryLengthscale = 0.8;
inline const std::vector<double> kMixedMean = {1.5012440968609768,   0.4400291444592368, 0.1595945198571825,
                                               -0.12598872571509204, 1.3562788589630865, 0.26356833532841467};
inline const std::vector<double> kMixedVariance = {0.012843355846289928, 0.7012849356266267,  1.4197020344319902,
                                                   1.2891973818525309,   0.22276994385975013, 1.4304248642079374};

/// log h(z), where h(z) = phi(z) + z Phi(z).
inline const std::vector<double> kZ = {5,   1,   0,    -0.5, -1,   -2,   -5,  -10,
                                       -25, -26, -100, -1e3, -1e4, -1e6, -1e8};
inline const std::vector<double> kLogH = {
    1.6094379231264313, 0.08002621884930694, -0.9189385332046728, -1.6205162643873199, -2.4851210257126413,
    -4.768783523917114, -16.74430116266099,  -55.55312203612235,  -319.86146358149597, -345.439546722318,
    -5010.12957880025,  -500014.73445209116, -50000019.33961931,  -500000000028.55,    -5000000000000038.0};

}  // namespace lockstep::test::golden
